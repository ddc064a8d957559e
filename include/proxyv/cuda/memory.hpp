// Owners of device memory and of pinned host memory.
#pragma once

#include "proxyv/core/buffer.hpp"
#include "proxyv/cuda/check.hpp"
#include "proxyv/cuda/space.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// n elements on the current device, contents undefined. Throws CudaError when there is no memory.
/// May wait for the device, as cudaMalloc does: start-up only.
template <class T>
Buffer<T, DeviceSpace> device_buffer(index_t n) {
  const std::size_t bytes = byte_count(n, sizeof(T), "device_buffer");
  if (bytes == 0) return {};
  void* data = nullptr;
  check(cudaMalloc(&data, bytes), "cudaMalloc", "device_buffer");
  return {static_cast<T*>(data), n, [](void* p, std::size_t) noexcept { static_cast<void>(cudaFree(p)); }};
}

/// n elements of page-locked host memory. Start-up only.
template <class T>
Buffer<T> pinned_buffer(index_t n) {
  const std::size_t bytes = byte_count(n, sizeof(T), "pinned_buffer");
  if (bytes == 0) return {};
  void* data = nullptr;
  check(cudaHostAlloc(&data, bytes, cudaHostAllocDefault), "cudaHostAlloc", "pinned_buffer");
  return {static_cast<T*>(data), n, [](void* p, std::size_t) noexcept { static_cast<void>(cudaFreeHost(p)); }};
}

}  // namespace cuda
}  // namespace proxyv::inline v0
