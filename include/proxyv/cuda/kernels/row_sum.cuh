// Sums over a row by one block, in one order whatever the row's alignment and whoever asks: lane l of
// row_lanes adds the packs l, l + row_lanes, ...; then each warp's lanes in a butterfly; then the warps
// from first to last. So a product that normalises its own input gets the bits of the norm before it.
#pragma once

#include "proxyv/cuda/kernels/wide.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

inline constexpr int row_lanes = 256;
inline constexpr int row_warps = row_lanes / 32;

template <class T>
__device__ inline float add_squares(float sum, const uint4& words) {
  Floats<T> x;
  unpack_wide<T>(words, x);
#pragma unroll
  for (int e = 0; e < wide<T>; ++e) sum = fmaf(x[e], x[e], sum);
  return sum;
}

__device__ inline float sum_of_warp(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

/// Sum over row_lanes threads, known to all; one barrier. The caller sees to it that a barrier lies
/// between two uses of the same slots.
__device__ inline float lanes_sum(float x, float (&slots)[row_warps]) {
  x = sum_of_warp(x);
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0.f;
#pragma unroll
  for (int w = 0; w < row_warps; ++w) sum += slots[w];
  return sum;
}

__device__ inline float norm_scale(float squares, int cols, float eps) {
  return 1.f / sqrtf(squares / static_cast<float>(cols) + eps);
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
