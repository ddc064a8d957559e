// What the current CUDA device is, and whether there is one.
#pragma once

#include <string>

#include "proxyv/cuda/check.hpp"

namespace proxyv::inline v0 {
namespace cuda {

struct Device {
  int index = 0;
  std::string name;
  int arch = 0;             ///< compute capability, 10 * major + minor
  int multiprocessors = 0;
  std::size_t memory = 0;   ///< bytes
};

/// Devices that the driver offers; 0 where there is no driver or no device. Never throws.
inline int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return 0;
  }
  return count;
}

/// The calling thread's current device. Throws CudaError where there is none, or one older than compute
/// capability 8.0, which the kernels need.
inline Device current_device() {
  Device d;
  check(cudaGetDevice(&d.index), "cudaGetDevice", "current_device");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, d.index), "cudaGetDeviceProperties", "current_device");
  d.name = properties.name;
  d.arch = 10 * properties.major + properties.minor;
  d.multiprocessors = properties.multiProcessorCount;
  d.memory = properties.totalGlobalMem;
  if (d.arch < 80)
    proxyv::detail::fail(CudaError("current_device", "proxyv", d.name + " has compute capability " + std::to_string(properties.major) + "." +
                                       std::to_string(properties.minor) + ", wanted 8.0 or later", static_cast<int>(cudaErrorNoKernelImageForDevice)));
  return d;
}

}  // namespace cuda
}  // namespace proxyv::inline v0
