// The lessons on a GPU, f32. Their matrices lie in unified memory, which the CPU and the GPU can read, so
// that a lesson looks the same on both. A program that cares for speed keeps its tensors in device memory and
// moves numbers by upload and download, as lesson 11 does.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "proxyv/cuda.hpp"

namespace lesson {

/// Whatever engine a lesson names.
template <class Named>
using Engine = proxyv::CudaBackend<float>;
using Space = proxyv::DeviceSpace;

inline void wait_for_gpu() {
  proxyv::cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize", "lesson");
}

template <class T>
struct UnifiedMemory {
  using value_type = T;

  UnifiedMemory() = default;
  template <class U>
  UnifiedMemory(const UnifiedMemory<U>&) {}

  T* allocate(std::size_t n) {
    void* data = nullptr;
    proxyv::cuda::check(cudaMallocManaged(&data, n * sizeof(T)), "cudaMallocManaged", "lesson");
    return static_cast<T*>(data);
  }
  void deallocate(T* data, std::size_t) {
    wait_for_gpu();
    static_cast<void>(cudaFree(data));
  }
  friend bool operator==(const UnifiedMemory&, const UnifiedMemory&) { return true; }
};

template <class T>
using Numbers = std::vector<T, UnifiedMemory<T>>;

/// A window into a matrix for both: engines take it as a view of their memory, we read numbers through it,
/// which waits for the GPU first.
template <class T>
class Window {
 public:
  using index_t = proxyv::index_t;

  Window(T* data, index_t rows, index_t cols) : host_(data, rows, cols) {}

  operator proxyv::View<T, Space>() const { return {host_.data(), rows(), cols(), host_.stride()}; }
  operator proxyv::View<const T, Space>() const requires(!std::is_const_v<T>) {
    return {host_.data(), rows(), cols(), host_.stride()};
  }
  operator proxyv::View<T>() const {
    wait_for_gpu();
    return host_;
  }
  operator Window<const T>() const requires(!std::is_const_v<T>) {
    return Window<const T>(proxyv::View<const T>(host_));
  }

  index_t rows() const { return host_.rows(); }
  index_t cols() const { return host_.cols(); }
  T& operator()(index_t i, index_t j) const {
    wait_for_gpu();
    return host_(i, j);
  }
  Window row_range(index_t begin, index_t count) const { return Window(host_.row_range(begin, count)); }

 private:
  template <class U>
  friend class Window;
  explicit Window(proxyv::View<T> host) : host_(host) {}

  proxyv::View<T> host_;
};

/// Before main: without a GPU a lesson says so, and that is all.
inline const bool have_device = [] {
  if (proxyv::cuda::device_count() > 0) return true;
  std::puts("no CUDA device: skipped");
  std::exit(0);
}();

}  // namespace lesson
