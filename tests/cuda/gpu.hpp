// What the CUDA tests share: whether there is a device, and one line that says so where there is none.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "proxyv/cuda/device.hpp"

namespace gpu {

/// CTest reads the line and counts the test as skipped.
inline bool present() {
  static const bool yes = proxyv::cuda::device_count() > 0;
  if (!yes) std::puts("no CUDA device: skipped");
  return yes;
}

/// Under tools that do not see what bulk copies write, the tests with small sizes run on what every card can do.
inline bool on_hopper_paths() { return std::getenv("PROXYV_TEST_PORTABLE") == nullptr; }

}  // namespace gpu

/// First line of a test case that runs kernels.
#define NEEDS_GPU() \
  if (!gpu::present()) return
