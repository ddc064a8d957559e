// Attention on the tensor cores of sm_80 and newer: mma.sync, ldmatrix, rings of asynchronous copies.
//
// A block holds a tile of query rows of one key/value head. Its warps are G groups of W: a group's warps own
// 16 rows each and share its ring; groups take every G-th key block and are merged at the end. Two shapes:
// W = 4, G = 2 for many rows, W = 1, G = 8 (every warp for itself) for up to 16, which is decoding. When
// tiles are too few to fill the card the keys are split over blocks; the last one to arrive merges them.
#pragma once

#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/attention_merge.cuh"
#include "proxyv/cuda/kernels/attention_mma_group.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

template <class T, class S>
__global__ __launch_bounds__(S::threads) void attention_mma_kernel(const __grid_constant__ MmaJob<T> at) {
  constexpr int D = S::head;
  extern __shared__ __align__(128) unsigned char ring[];
  __shared__ BlockList<S::keys, S::window, S::threads> list;
  __shared__ __align__(8) float stats[S::groups][S::rows][2];
  wait_for_predecessor();
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int split = static_cast<int>(blockIdx.x), kv = static_cast<int>(blockIdx.y);
  const int tile = static_cast<int>(gridDim.z - 1 - blockIdx.z);  // the last rows see most: they start first
  const std::int64_t first = std::int64_t{tile} * S::rows;
  const int rows = static_cast<int>(min(at.rows - first, std::int64_t{S::rows}));

  const KeyMap<S::keys> map(at.job);
  const bool causal = any_causal(at.job);
  const int group = warp / S::warps;
  MmaGroup<T, S> my{
      at,    kv,
      lane,  static_cast<int>(threadIdx.x % S::group_threads),
      group, shared_address(ring) + static_cast<std::uint32_t>(group * at.stages * S::stage_bytes)};
  my.load_queries(first + warp % S::warps * 16, causal);
  const int end = static_cast<int>(std::int64_t{map.blocks} * (split + 1) / at.splits);
  int begin = static_cast<int>(std::int64_t{map.blocks} * split / at.splits);
  const Reach reach = reach_of_rows(at.job, first, rows, at.group);
  while (begin < end) {
    const int window = causal ? min(S::window, end - begin) : end - begin;
    if (causal) list.build(at.job, map, begin, window, reach);
    my.run(map, causal ? list.count : window, [&](int i) { return causal ? list.entry[i] : begin + i; });
    __syncthreads();  // the list is free again, and the rings for the merge
    begin += window;
  }
  float* sums = reinterpret_cast<float*>(ring);
  my.store(sums + warp * 16 * D, &stats[group][warp % S::warps * 16]);
  __syncthreads();
  const auto finish = [&](const RowSums<D>& merged, int row) {
    const std::int64_t index = first + row;
    merged.finish(at.job, index / at.group, kv * at.group + static_cast<int>(index % at.group), at.scale_log2,
                  lane);
  };
  const int index = tile * static_cast<int>(gridDim.y) + kv;
  const std::int64_t slots = std::int64_t{gridDim.y} * gridDim.z * at.splits * S::rows;
  const auto slot_of = [&](int part, int row) {
    return (std::int64_t{index} * at.splits + part) * S::rows + row;
  };
  for (int row = warp; row < rows; row += S::threads / 32) {  // the groups of this block
    RowSums<D> merged;
#pragma unroll
    for (int g = 0; g < S::groups; ++g) merged.add(sums + (g * S::rows + row) * D, stats[g][row], lane);
    if (at.splits == 1) finish(merged, row);
    else
      merged.store(at.partial + slot_of(split, row) * D, at.partial + slots * D + slot_of(split, row) * 2,
                   lane);
  }
  if (at.splits == 1 || !arrives_last(at.arrivals + index, at.splits)) return;
  for (int row = warp; row < rows; row += S::threads / 32) {
    RowSums<D> merged;
#pragma unroll 4
    for (int s = 0; s < at.splits; ++s)
      merged.add(at.partial + slot_of(s, row) * D, at.partial + slots * D + slot_of(s, row) * 2, lane);
    finish(merged, row);
  }
}

/// Splits for which the card is full once, as far as keys and scratch reach.
template <class S, class T>
int splits_for(const AttentionJob<T>& job, std::int64_t tiles, const Where& where) {
  if (job.scratch == nullptr) return 1;
  std::int64_t blocks = 0;
  for (int s = 0; s < job.segments; ++s) blocks += ceil_div(job.segment[s].rows, S::keys);
  const std::int64_t most = std::min<std::int64_t>(where.multiprocessors / tiles, blocks / S::groups);
  return static_cast<int>(std::max<std::int64_t>(most, 1));
}

template <class S, class T>
cudaError_t launch_mma(const AttentionJob<T>& job, float scale_log2, const Where& where) {
  const int group = job.heads / job.kv_heads;
  const std::int64_t rows = job.q.rows * group, tiles = ceil_div(rows, S::rows);
  int stages = 3;
  while (stages > 1 && S::shared_bytes(stages) + 8 * 1024 > shared_memory_limit(where.arch)) --stages;
  const int splits = splits_for<S>(job, tiles * job.kv_heads, where);
  auto* const counters = static_cast<unsigned*>(job.scratch);
  auto* const partial = reinterpret_cast<float*>(static_cast<char*>(job.scratch) +
                                                 Scratch::counter_bytes(where.multiprocessors));
  const MmaJob<T> at{job, rows, group, splits, stages, scale_log2, partial, counters};
  const dim3 grid(static_cast<unsigned>(splits), static_cast<unsigned>(job.kv_heads),
                  static_cast<unsigned>(tiles));
  return launch_attention(attention_mma_kernel<T, S>, grid, S::threads, S::shared_bytes(stages), 1, where,
                          at);
}

template <int D, class T>
cudaError_t attention_mma(const AttentionJob<T>& job, float scale_log2, const Where& where) {
  const bool few = job.q.rows * (job.heads / job.kv_heads) <= 16;
  return few ? launch_mma<MmaShape<D, 1, 8, 16>>(job, scale_log2, where)
             : launch_mma<MmaShape<D, 4, 2, 64>>(job, scale_log2, where);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
