// One-row products through ordinary loads: any card, any element, any alignment. A warp takes two rows
// of weights, its lanes walk along them side by side; x lies in shared memory.
#pragma once

#include "proxyv/cuda/kernels/gemv_task.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Weights are read once: past the L1 cache.
__device__ inline uint4 stream_wide(const uint4* address) {
  uint4 words;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "l"(address));
  return words;
}

/// Flight: packs of each row that a lane asks for before it uses the first. Whole: 16-byte accesses.
template <class T, int M, int Flight, bool Whole>
__global__ void __launch_bounds__(gemv_threads)
    gemv_direct_kernel(const __grid_constant__ Product<T> job, int tasks, bool whole_x) {
  extern __shared__ __align__(128) unsigned char gemv_shared[];
  __shared__ float slots[M][row_warps];
  auto* staged = reinterpret_cast<uint4*>(gemv_shared);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int cols = static_cast<int>(job.x.cols), packs = (cols + wide<T> - 1) / wide<T>;
  const int begin = static_cast<int>(blockIdx.x) * gemv_warps + warp,
            step = static_cast<int>(gridDim.x) * gemv_warps;

  if (begin < tasks) {
    const GemvTask task = gemv_task(job, begin);
    for (int p = lane * 8; p < packs; p += 32 * 8) {
      prefetch_line(task.row(job, 0) + p * wide<T>);
      prefetch_line(task.row(job, 1) + p * wide<T>);
    }
  }
  wait_for_previous();
  let_next_begin();
  gemv_stage<T, M>(job, staged, packs, whole_x, slots, [] {});

  for (int t = begin; t < tasks; t += step) {
    const GemvTask task = gemv_task(job, t);
    GemvEnd end;
    if (lane < M && lane < job.x.rows) end = gemv_end(job, task, lane);
    const T* first = task.row(job, 0);
    const T* second = task.row(job, 1);
    float sums[M][2] = {};
    int p = lane;
    if constexpr (Whole) {
      for (; p + 32 * (Flight - 1) < packs; p += 32 * Flight) {
        uint4 a[Flight], b[Flight];
#pragma unroll
        for (int f = 0; f < Flight; ++f) {
          a[f] = stream_wide(reinterpret_cast<const uint4*>(first) + p + 32 * f);
          b[f] = stream_wide(reinterpret_cast<const uint4*>(second) + p + 32 * f);
        }
#pragma unroll
        for (int f = 0; f < Flight; ++f) add_packs<T, M>(sums, a[f], b[f], staged + p + 32 * f, packs);
      }
    }
    for (; p < packs; p += 32) {
      const uint4 a = load_wide(first, p, cols, Whole), b = load_wide(second, p, cols, Whole);
      add_packs<T, M>(sums, a, b, staged + p, packs);
    }
    gemv_close<T, M>(job, task, end, sums, lane);
  }
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
