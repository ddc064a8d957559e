// Files that programs write.
#pragma once

#include <fstream>
#include <string>

#include "proxyv/core/error.hpp"

namespace cli {

/// Throws LoadError, naming the file, when it cannot be written whole.
inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  PROXYV_CHECK(file.good(), proxyv::LoadError, path, ": cannot be written");
}

}  // namespace cli
