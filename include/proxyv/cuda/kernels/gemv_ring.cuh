// One-row products on Hopper: each warp keeps a ring of weight chunks in shared memory, filled by bulk
// copies that it starts itself. What is in flight costs no registers and does not pause between two
// rows, nor while x is made ready: the memory never waits for the arithmetic.
//
// Several products that feed each other run in one launch, with a barrier of the whole grid between
// them: the rings go on filling across it, and the L2 cache beyond them.
#pragma once

#include "proxyv/cuda/kernels/bulk.cuh"
#include "proxyv/cuda/kernels/gemv_task.cuh"
#include "proxyv/cuda/kernels/grid_barrier.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

#ifdef RING_TRACE
__device__ unsigned long long* ring_trace;
__device__ inline void ring_note(int event) {
  if (threadIdx.x == 0 && ring_trace != nullptr) {
    unsigned long long now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    ring_trace[blockIdx.x * 32 + event] = now;
  }
}
#define RING_NOTE(e) ring_note(e)
#else
#define RING_NOTE(e)
#endif

/// Found by measuring on an H200.
struct RingShape {
  int stages = 6;    ///< chunks of a warp's ring
  int ahead = 8192;  ///< bytes beyond its ring that a warp asks the L2 cache for before it waits for the grid
};

template <class T>
struct RingChain {
  Product<T> job[gemv_chain_most];
  int tasks[gemv_chain_most];
  int count;
  unsigned* barrier;  ///< when count > 1
  SoonRead soon[2];
  RingShape shape;
};

/// Shared memory of a block: rings, x, barriers.
template <class T>
inline std::size_t ring_bytes(int stages, int chunk, int m, std::int64_t k) {
  return static_cast<std::size_t>(gemv_warps * stages) *
             (2 * 16 * static_cast<std::size_t>(chunk) + sizeof(std::uint64_t)) +
         static_cast<std::size_t>(m) * static_cast<std::size_t>(k) * sizeof(T);
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
/// Where a warp's next copy comes from; its lane 0's. Neighbouring tasks go to different blocks, so that
/// what is left over at the end is spread over all of them.
template <class T, int Chunk>
struct RingFront {
  const RingChain<T>& chain;
  const int begin, step;
  int job = 0, task, chunk = 0, packs = 0;
  const T* rows[2] = {};

  __device__ RingFront(const RingChain<T>& all, int first, int stride)
      : chain(all), begin(first), step(stride), task(first) {
    aim();
  }
  __device__ bool more() const { return job < chain.count; }

  /// At the begin of a task, which may be past the last of its job.
  __device__ void aim() {
    for (; more(); ++job, task = begin) {
      if (task >= chain.tasks[job]) continue;
      const GemvTask at = gemv_task(chain.job[job], task);
      rows[0] = at.row(chain.job[job], 0);
      rows[1] = at.row(chain.job[job], 1);
      packs = static_cast<int>(chain.job[job].x.cols) / wide<T>;
      return;
    }
  }

  /// Starts the next copy, into `stage`.
  __device__ void copy(uint4* stage, std::uint64_t* full, std::uint64_t policy) {
    if (!more()) return;
    const int bytes = min(Chunk, packs - chunk * Chunk) * 16;
    bulk::expect(full, 2 * bytes);
    bulk::copy(stage, rows[0] + chunk * Chunk * wide<T>, bytes, full, policy);
    bulk::copy(stage + Chunk, rows[1] + chunk * Chunk * wide<T>, bytes, full, policy);
    if (++chunk * Chunk < packs) return;
    chunk = 0;
    task += step;
    aim();
  }

  /// Asks the L2 cache for the next `left` bytes of this job, or for what the next kernel reads.
  __device__ void prefetch(int left) const {
    if (!more()) {
      for (const SoonRead& soon : chain.soon) {
        const std::int64_t share = soon.bytes / step & ~15;
        if (share > 0)
          bulk::prefetch(static_cast<const char*>(soon.data) + begin * share, static_cast<int>(share));
      }
      return;
    }
    const T* at[2] = {rows[0] + chunk * Chunk * wide<T>, rows[1] + chunk * Chunk * wide<T>};
    int count = packs - chunk * Chunk;
    for (int t = task; left >= 32;) {
      const int bytes = min(count * 16, left / 2 & ~15);
      bulk::prefetch(at[0], bytes);
      bulk::prefetch(at[1], bytes);
      left -= 2 * bytes;
      t += step;
      if (t >= chain.tasks[job]) return;
      const GemvTask next = gemv_task(chain.job[job], t);
      at[0] = next.row(chain.job[job], 0);
      at[1] = next.row(chain.job[job], 1);
      count = packs;
    }
  }
};
#endif

/// Chunk: packs of each of the two rows in one stage. `widest`: the most packs of an x.
template <class T, int M, int Chunk>
__global__ void __launch_bounds__(gemv_threads)
    gemv_ring_kernel(const __grid_constant__ RingChain<T> chain, int widest) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) unsigned char gemv_shared[];
  __shared__ float slots[M][row_warps];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int begin = warp * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x),
            step = static_cast<int>(gridDim.x) * gemv_warps, stages = chain.shape.stages;

  auto* rings = reinterpret_cast<uint4*>(gemv_shared);
  auto* ring = rings + warp * stages * 2 * Chunk;
  auto* staged = rings + gemv_warps * stages * 2 * Chunk;
  auto* full = reinterpret_cast<std::uint64_t*>(staged + M * widest) + warp * stages;

  const std::uint64_t policy = bulk::read_once();
  RingFront<T, Chunk> front(chain, begin, step);
  const auto copy_next = [&](int stage) { front.copy(ring + stage * 2 * Chunk, full + stage, policy); };
  if (lane == 0) {
    for (int s = 0; s < stages; ++s) bulk::open(full + s);
    bulk::opened();
  }
  __syncwarp();
  if (chain.job[0].gain != nullptr)
    for (int p = static_cast<int>(threadIdx.x) * 8; p < chain.job[0].x.cols / wide<T>; p += gemv_threads * 8)
      prefetch_line(chain.job[0].gain + p * wide<T>);
  RING_NOTE(0);
  wait_for_previous();
  let_next_begin();
  RING_NOTE(1);
  GridBarrier barrier;
  if (chain.count > 1) barrier = GridBarrier(chain.barrier);

  int stage = 0;
  std::uint32_t parity = 0;
  for (int j = 0; j < chain.count; ++j) {
    const Product<T>& job = chain.job[j];
    const int packs = static_cast<int>(job.x.cols) / wide<T>, chunks = (packs + Chunk - 1) / Chunk;
#ifdef RING_TRACE
    RING_NOTE(2 + 5 * j);
    __syncthreads();
    RING_NOTE(3 + 5 * j);
#endif
    if (j > 0) barrier.wait();
    RING_NOTE(4 + 5 * j);
    gemv_stage<T, M>(job, staged, packs, true, slots, [&] {
      if (j > 0 || lane != 0) return;
      for (int s = 0; s < stages; ++s) copy_next(s);
    });
    RING_NOTE(5 + 5 * j);

    for (int t = begin; t < chain.tasks[j]; t += step) {
      const GemvTask task = gemv_task(job, t);
      GemvEnd end;
      if (lane < M && lane < job.x.rows) end = gemv_end(job, task, lane);
      float sums[M][2] = {};
      for (int c = 0; c < chunks; ++c) {
        const uint4* weights = ring + stage * 2 * Chunk;
        const uint4* x = staged + c * Chunk;
        const int count = packs - c * Chunk;
        bulk::wait(full + stage, parity);
        if (count >= Chunk) {
#pragma unroll
          for (int p = 0; p < Chunk; p += 32)
            add_packs<T, M>(sums, weights[p + lane], weights[Chunk + p + lane], x + p + lane, packs);
        } else {
          for (int p = lane; p < count; p += 32)
            add_packs<T, M>(sums, weights[p], weights[Chunk + p], x + p, packs);
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
    if (lane == 0) front.prefetch(chain.shape.ahead);
  }
#ifdef RING_TRACE
  __syncthreads();
  RING_NOTE(31);
#endif
#endif
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
