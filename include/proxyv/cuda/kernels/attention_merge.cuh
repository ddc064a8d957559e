// Putting partial softmax sums together, always in the same order: of the warps of a block, then of blocks.
#pragma once

#include "proxyv/cuda/kernels/attention_ptx.cuh"
#include "proxyv/cuda/kernels/attention_row.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

/// What attention's launches share in scratch: counters (zero between launches), then partial sums.
struct Scratch {
  static constexpr std::int64_t tile_rows = 64, widest = 128;

  /// Two blocks to a multiprocessor at most are parts of something.
  static std::size_t counter_bytes(int multiprocessors) {
    return static_cast<std::size_t>(ceil_div(multiprocessors * 8, 256)) * 256;
  }
  static std::size_t bytes(int multiprocessors) {
    return counter_bytes(multiprocessors) +
           static_cast<std::size_t>(multiprocessors) * 2 * tile_rows * (widest + 4) * sizeof(float);
  }
};

/// Columns of a row as a warp holds them: runs of `vector` columns per lane.
template <int D>
struct LaneColumns {
  static constexpr int count = D / 32, vector = D == 128 ? 4 : D == 64 ? 2 : 1;
  __device__ static int at(int lane, int c) { return (c / vector * 32 + lane) * vector + c % vector; }
};

/// A warp's share of one row.
template <int D>
struct RowSums {
  Running running;
  float sum[D / 32] = {};

  /// sums [D] and stats {top, total} of one part. Parts without keys have top -inf, total and sums 0.
  __device__ void add(const float* sums, const float* stats, int lane) {
    constexpr int vector = LaneColumns<D>::vector;
    Pack<float, vector> part[D / 32 / vector];
#pragma unroll
    for (int c = 0; c < D / 32; c += vector)
      part[c / vector] = *reinterpret_cast<const Pack<float, vector>*>(sums + LaneColumns<D>::at(lane, c));
    const Pack<float, 2> stat = *reinterpret_cast<const Pack<float, 2>*>(stats);
    float subtract;
    const float shrink = running.raise(stat.at[0], subtract), weight = exp2f(stat.at[0] - subtract);
    running.total = running.total * shrink + stat.at[1] * weight;
#pragma unroll
    for (int c = 0; c < D / 32; ++c) sum[c] = sum[c] * shrink + part[c / vector].at[c % vector] * weight;
  }

  __device__ void store(float* sums, float* stats, int lane) const {
    constexpr int vector = LaneColumns<D>::vector;
#pragma unroll
    for (int c = 0; c < D / 32; c += vector) {
      Pack<float, vector> part;
#pragma unroll
      for (int v = 0; v < vector; ++v) part.at[v] = sum[c + v];
      *reinterpret_cast<Pack<float, vector>*>(sums + LaneColumns<D>::at(lane, c)) = part;
    }
    if (lane == 0) *reinterpret_cast<Pack<float, 2>*>(stats) = {running.top, running.total};
  }

  /// The row of the output; computed again where blocks could not be right.
  template <class T>
  __device__ void finish(const AttentionJob<T>& job, std::int64_t query, int head, float scale_log2,
                         int lane) const {
    constexpr int vector = LaneColumns<D>::vector;
    const bool nothing = running.total == 0.f;
    const float factor = nothing ? 0.f : 1.f / running.total;
    T* to = job.o.data + query * job.o.stride + std::int64_t{head} * D;
    bool finite = true;
#pragma unroll
    for (int c = 0; c < D / 32; c += vector) {
      Pack<T, vector> out;
#pragma unroll
      for (int v = 0; v < vector; ++v) {
        const float value = sum[c + v] * factor;
        finite &= fabsf(value) < INFINITY;  // false for NaN as well
        out.at[v] = as_element<T>(value);
      }
      *reinterpret_cast<Pack<T, vector>*>(to + LaneColumns<D>::at(lane, c)) = out;
    }
    const bool again = !finite || (nothing && job.empty == EmptyRow::uniform);
    if (__any_sync(all_lanes, again)) {
      __syncwarp();  // the stores above come first
      exact_row<D>(job, query, head, scale_log2);
    }
  }
};

/// True in the block that arrives last of its tile's splits; the counter is then zero again.
__device__ inline bool arrives_last(unsigned* arrivals, int splits) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrivals, 1u) == static_cast<unsigned>(splits) - 1;
    if (last) *arrivals = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
