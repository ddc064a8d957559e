// One-row products on Hopper: each warp keeps a ring of weight chunks in shared memory, filled by bulk
// copies that it starts itself. What is in flight costs no registers and does not pause between two
// rows, nor while x is made ready: the memory never waits for the arithmetic.
#pragma once

#include "proxyv/cuda/kernels/bulk.cuh"
#include "proxyv/cuda/kernels/gemv_task.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Packs of each of the two rows in one stage of a ring: 2 KiB, a row of 4096 in four.
inline constexpr int ring_chunk = 128;

/// Shared memory of a block: rings, x, barriers.
template <class T>
std::size_t ring_bytes(int stages, int m, std::int64_t k) {
  return static_cast<std::size_t>(gemv_warps * stages) *
             (2 * 16 * static_cast<std::size_t>(ring_chunk) + sizeof(std::uint64_t)) +
         static_cast<std::size_t>(m) * static_cast<std::size_t>(k) * sizeof(T);
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
/// Where a warp's next copy comes from; its lane 0's.
template <class T>
struct RingFront {
  const Product<T>& job;
  const int tasks, step, packs;
  int task, chunk = 0;
  const T* rows[2] = {};
  std::uint64_t policy = bulk::read_once();

  __device__ RingFront(const Product<T>& product, int count, int first, int stride)
      : job(product),
        tasks(count),
        step(stride),
        packs(static_cast<int>(product.x.cols) / wide<T>),
        task(first) {
    aim();
  }

  __device__ void aim() {
    if (task >= tasks) return;
    const GemvTask at = gemv_task(job, task);
    rows[0] = at.row(job, 0);
    rows[1] = at.row(job, 1);
  }

  /// Starts the next copy, into `stage`.
  __device__ void copy(uint4* stage, std::uint64_t* full) {
    if (task >= tasks) return;
    const int begin = chunk * ring_chunk, bytes = min(ring_chunk, packs - begin) * 16;
    bulk::expect(full, 2 * bytes);
    bulk::copy(stage, rows[0] + begin * wide<T>, bytes, full, policy);
    bulk::copy(stage + ring_chunk, rows[1] + begin * wide<T>, bytes, full, policy);
    if (++chunk * ring_chunk < packs) return;
    chunk = 0;
    task += step;
    aim();
  }
};
#endif

template <class T, int M>
__global__ void __launch_bounds__(gemv_threads)
    gemv_ring_kernel(const __grid_constant__ Product<T> job, int tasks, int stages) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) unsigned char gemv_shared[];
  __shared__ float slots[M][row_warps];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int packs = static_cast<int>(job.x.cols) / wide<T>;
  const int chunks = (packs + ring_chunk - 1) / ring_chunk;
  // Neighbouring tasks go to different blocks: what is left over at the end is spread over all of them.
  const int begin = warp * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x),
            step = static_cast<int>(gridDim.x) * gemv_warps;

  auto* rings = reinterpret_cast<uint4*>(gemv_shared);
  auto* ring = rings + warp * stages * 2 * ring_chunk;
  auto* staged = rings + gemv_warps * stages * 2 * ring_chunk;
  auto* full = reinterpret_cast<std::uint64_t*>(staged + M * packs) + warp * stages;

  RingFront<T> front(job, tasks, begin, step);
  const auto copy_next = [&](int stage) { front.copy(ring + stage * 2 * ring_chunk, full + stage); };
  if (lane == 0) {
    for (int s = 0; s < stages; ++s) bulk::open(full + s);
    bulk::opened();
  }
  __syncwarp();
  if (job.gain != nullptr)
    for (int p = static_cast<int>(threadIdx.x) * 8; p < packs; p += gemv_threads * 8)
      prefetch_line(job.gain + p * wide<T>);
  wait_for_previous();
  let_next_begin();
  gemv_stage<T, M>(job, staged, packs, true, slots, [&] {
    if (lane == 0)
      for (int s = 0; s < stages; ++s) copy_next(s);
  });

  int stage = 0;
  std::uint32_t parity = 0;
  for (int t = begin; t < tasks; t += step) {
    const GemvTask task = gemv_task(job, t);
    GemvEnd end;
    if (lane < M && lane < job.x.rows) end = gemv_end(job, task, lane);
    float sums[M][2] = {};
    for (int c = 0; c < chunks; ++c) {
      const uint4* weights = ring + stage * 2 * ring_chunk;
      const uint4* x = staged + c * ring_chunk;
      const int count = packs - c * ring_chunk;
      bulk::wait(full + stage, parity);
      if (count >= ring_chunk) {
#pragma unroll
        for (int p = 0; p < ring_chunk; p += 32)
          add_packs<T, M>(sums, weights[p + lane], weights[ring_chunk + p + lane], x + p + lane, packs);
      } else {
        for (int p = lane; p < count; p += 32)
          add_packs<T, M>(sums, weights[p], weights[ring_chunk + p], x + p, packs);
      }
      __syncwarp();  // the stage is read: it may be filled again
      if (lane == 0) copy_next(stage);
      if (++stage == stages) {
        stage = 0;
        parity ^= 1;
      }
    }
    gemv_close<T, M>(job, task, end, sums, lane);
  }
#endif
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
