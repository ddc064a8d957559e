// How much of the machine other programs use meanwhile: what a figure taken then is worth.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

namespace proxyv::bench {

/// From its making on: processor time of everybody (and taken by a virtual machine's host) that was not ours.
/// Steps of 10 ms; 0 where there is no /proc/stat.
class Others {
 public:
  Others() : busy_(busy_seconds()), own_(own_seconds()), begin_(Clock::now()) {}

  /// Cores that others used on average.
  double cores() const {
    const double wall = std::chrono::duration<double>(Clock::now() - begin_).count();
    // Each of the two readings may be a step of the clock off.
    return std::max(0.0, (busy_seconds() - busy_ - (own_seconds() - own_) - 0.02) / wall);
  }

  /// Waits until others use little, at most so many seconds.
  static void wait(double seconds) {
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end) {
      const Others now;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (now.cores() < disturbing) return;
    }
  }

  static constexpr double disturbing = 0.15;  ///< cores; more than this moves a figure

 private:
  using Clock = std::chrono::steady_clock;

  static double busy_seconds() {
    double seconds = 0.0;
    if (std::FILE* file = std::fopen("/proc/stat", "r")) {
      unsigned long long user, nice, system, idle, io, irq, soft, steal;
      if (std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &io,
                      &irq, &soft, &steal) == 8)
        seconds = 0.01 * static_cast<double>(user + nice + system + irq + soft + steal);
      std::fclose(file);
    }
    return seconds;
  }
  static double own_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

  double busy_, own_;
  Clock::time_point begin_;
};

}  // namespace proxyv::bench
