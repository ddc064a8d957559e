// The machine a benchmark ran on, in words.
#pragma once

#include <fstream>
#include <string>
#include <thread>

namespace bench {

/// The processor's name as Linux tells it, and how many threads it runs.
inline std::string machine_text() {
  std::ifstream info("/proc/cpuinfo");
  std::string name = "unknown processor";
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.rfind("model name", 0) != 0 || colon == std::string::npos) continue;
    name = line.substr(colon + 2);
    break;
  }
  return name + ", " + std::to_string(std::thread::hardware_concurrency()) + " threads";
}

}  // namespace bench
