// Softmax of rows with hidden entries: a block a row, three passes, sums in float in a fixed order.
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

inline constexpr int softmax_threads = 128;

/// The reduction of one value a thread over the block, the same in every thread.
template <class F>
__device__ inline float block_reduce(float value, F combine, float* shared) {
  for (int offset = 16; offset > 0; offset /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  __syncthreads();  // the shared numbers of the reduction before have been read
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = shared[0];
  for (int w = 1; w < static_cast<int>(blockDim.x) / 32; ++w) value = combine(value, shared[w]);
  return value;
}

template <class T>
__global__ void softmax_kernel(Rows<const T> x, Rows<T> y, float scale, Rows<const std::uint8_t> table, EmptyRow empty) {
  __shared__ float shared[softmax_threads / 32];
  wait_for_previous();
  let_next_begin();
  for (std::int64_t row = blockIdx.x; row < x.rows; row += gridDim.x) {
    const T* from = x.data + row * x.stride;
    T* to = y.data + row * y.stride;
    const std::uint8_t* seen = table.data == nullptr ? nullptr : table.data + row * table.stride;
    const auto visible = [&](std::int64_t j) { return seen == nullptr || seen[j] != 0; };
    float top = -INFINITY, found = 0.f;
    for (std::int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) {
      if (!visible(j)) continue;
      found = 1.f;
      const float v = as_float(from[j]) * scale;
      top = v > top || v != v ? v : top;  // a NaN stays
    }
    const auto larger = [](float a, float b) { return a != a ? a : (b != b || b > a ? b : a); };
    top = block_reduce(top, larger, shared);
    found = block_reduce(found, larger, shared);
    float total = 0.f;
    for (std::int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
      if (visible(j)) total += expf(as_float(from[j]) * scale - top);
    total = block_reduce(total, [](float a, float b) { return a + b; }, shared);
    const float blank = found == 0.f && empty == EmptyRow::uniform ? 1.f / static_cast<float>(x.cols) : 0.f;
    for (std::int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
      to[j] = as_element<T>(visible(j) ? expf(as_float(from[j]) * scale - top) / total : blank);
  }
}

}  // namespace kernels

template <class T>
cudaError_t softmax_rows(Rows<const T> x, Rows<T> y, float scale, Rows<const std::uint8_t> table, EmptyRow empty, const Where& where) {
  if (x.cols == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(x.rows, 65536));
  return kernels::launch(where, dim3(blocks), kernels::softmax_threads, 0, kernels::softmax_kernel<T>, x, y, scale, table, empty);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
