// Attention on the tensor cores of sm_80 and newer: mma.sync, ldmatrix, rings of asynchronous copies.
//
// A block holds a tile of query rows of one key/value head. Its warps are G groups of W: a group's warps own
// 16 rows each and share its ring; groups take every G-th key block and are merged at the end. Two shapes:
// W = 4, G = 2 for many rows, W = 1, G = 8 (every warp for itself) for up to 16, which is decoding. When
// tiles are too few to fill the card the keys are split over blocks; the last one to arrive merges them.
#pragma once

#include "proxyv/cuda/kernels/attention_blocks.cuh"
#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/attention_merge.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

template <class T>
struct MmaJob {
  AttentionJob<T> job;
  std::int64_t rows;  ///< queries * group
  int group, splits, stages;
  float scale_log2;
  float* partial;      ///< [blocks][BM][D] sums, then [blocks][BM][2] tops and totals
  unsigned* arrivals;  ///< per tile and head; zero before and after
};

template <int D, int W, int G, int BN>
struct MmaShape {
  static constexpr int head = D, warps = W, groups = G, keys = BN;
  static constexpr int rows = 16 * W, threads = 32 * W * G, group_threads = 32 * W;
  static constexpr int pitch = 2 * D + 16;                   ///< bytes; the 16 spread rows over the banks
  static constexpr int stage_bytes = (2 * pitch + 4) * BN;   ///< keys, values, positions
  static constexpr int window = 256;                         ///< blocks looked at together
  static constexpr int merge_bytes = G * rows * D * 4;

  static std::size_t shared_bytes(int stages) {
    return static_cast<std::size_t>(stages * G * stage_bytes > merge_bytes ? stages * G * stage_bytes : merge_bytes);
  }
};

/// One group's view: its ring, its threads, and the registers of this warp's 16 rows.
template <class T, class S>
struct MmaGroup {
  static constexpr int D = S::head, BN = S::keys, chunks = D / 8;

  const MmaJob<T>& at;
  int kv, lane, thread, group;  ///< thread: within the group
  std::uint32_t ring;
  std::uint32_t q[D / 16][4];
  float sum[D / 8][4] = {};
  float top[2] = {-INFINITY, -INFINITY}, total[2] = {0.f, 0.f};
  int position[2] = {0, 0};

  __device__ std::uint32_t keys_of(int stage) const { return ring + static_cast<std::uint32_t>(stage * S::stage_bytes); }
  __device__ std::uint32_t values_of(int stage) const { return keys_of(stage) + BN * S::pitch; }
  __device__ std::uint32_t positions_of(int stage) const { return keys_of(stage) + 2 * BN * S::pitch; }

  __device__ void barrier() const {
    if constexpr (S::warps == 1) __syncwarp();
    else asm volatile("bar.sync %0, %1;" ::"r"(group + 1), "n"(S::group_threads) : "memory");
  }

  __device__ void load_queries(std::int64_t first, bool causal) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t row = first + lane / 4 + 8 * half;
      const bool exists = row < at.rows;
      const std::int64_t query = exists ? row / at.group : 0;
      const std::int64_t head = std::int64_t{kv} * at.group + (exists ? row % at.group : 0);
      const T* from = at.job.q.data + query * at.job.q.stride + head * D + lane % 4 * 2;
      position[half] = causal && exists ? at.job.query_positions[query] : INT_MIN;
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        q[k][half] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * k) : 0u;
        q[k][half + 2] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * k + 8) : 0u;
      }
    }
  }

  /// Starts copying a key block into a stage. Rows that do not exist become zeros.
  __device__ void fetch(const KeyBlock& block, int stage) const {
    const DeviceSegment<T>& segment = at.job.segment[block.segment];
    const T* k = segment.keys + block.key * segment.key_stride + kv * D;
    const T* v = segment.values + block.key * segment.value_stride + kv * D;
#pragma unroll
    for (int i = 0; i < BN * chunks / S::group_threads; ++i) {
      const int chunk = thread + i * S::group_threads, row = chunk / chunks, column = chunk % chunks;
      const bool exists = row < block.count;
      const std::int64_t source = exists ? row : 0;
      const auto to = static_cast<std::uint32_t>(row * S::pitch + column * 16);
      copy_async_16(keys_of(stage) + to, k + source * segment.key_stride + column * 8, exists);
      copy_async_16(values_of(stage) + to, v + source * segment.value_stride + column * 8, exists);
    }
    if (segment.visible == Visible::causal && thread < block.count && thread < BN)
      copy_async_4(positions_of(stage) + 4 * static_cast<std::uint32_t>(thread), segment.positions + block.key + thread);
  }

  __device__ void scores(int stage, float (&s)[BN / 8][4]) const {
    const std::uint32_t from = keys_of(stage) + static_cast<std::uint32_t>((lane / 16 * 8 + lane % 8) * S::pitch + lane / 8 % 2 * 16);
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
#pragma unroll
      for (int n = 0; n < BN / 16; ++n) {
        std::uint32_t b[4];
        load_matrices(b, from + static_cast<std::uint32_t>(n * 16 * S::pitch + k * 32));
        multiply_add<T>(s[2 * n], q[k], b[0], b[1]);
        multiply_add<T>(s[2 * n + 1], q[k], b[2], b[3]);
      }
    }
  }

  __device__ void mask(const KeyBlock& block, int stage, float (&s)[BN / 8][4]) const {
    const bool causal = at.job.segment[block.segment].visible == Visible::causal;
#pragma unroll
    for (int n = 0; n < BN / 8; ++n) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int key = n * 8 + lane % 4 * 2 + j;
        int after = INT_MIN;
        if (causal && key < block.count)
          asm volatile("ld.shared.s32 %0, [%1];" : "=r"(after) : "r"(positions_of(stage) + 4 * static_cast<std::uint32_t>(key)) : "memory");
        if (key >= block.count || position[0] < after) s[n][j] = -INFINITY;
        if (key >= block.count || position[1] < after) s[n][j + 2] = -INFINITY;
      }
    }
  }

  /// Scores become weights; earlier sums shrink to the new top.
  __device__ void soften(float (&s)[BN / 8][4]) {
    float high[2] = {top[0], top[1]};
#pragma unroll
    for (int n = 0; n < BN / 8; ++n) {
      high[0] = fmaxf(high[0], fmaxf(s[n][0], s[n][1]));
      high[1] = fmaxf(high[1], fmaxf(s[n][2], s[n][3]));
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      high[half] = fmaxf(high[half], __shfl_xor_sync(all_lanes, high[half], 1));
      high[half] = fmaxf(high[half], __shfl_xor_sync(all_lanes, high[half], 2));
      const float subtract = high[half] == -INFINITY ? 0.f : high[half] * at.scale_log2;
      const float shrink = fast_exp2(top[half] * at.scale_log2 - subtract);
      top[half] = high[half];
      float sums = 0.f;
#pragma unroll
      for (int n = 0; n < BN / 8; ++n) {
#pragma unroll
        for (int j = 2 * half; j < 2 * half + 2; ++j) {
          s[n][j] = fast_exp2(fmaf(s[n][j], at.scale_log2, -subtract));
          sums += s[n][j];
        }
      }
      total[half] = total[half] * shrink + sums;
#pragma unroll
      for (int d = 0; d < D / 8; ++d) sum[d][2 * half] *= shrink, sum[d][2 * half + 1] *= shrink;
    }
  }

  __device__ void weigh(int stage, const float (&s)[BN / 8][4]) {
    const std::uint32_t from = values_of(stage) + static_cast<std::uint32_t>((lane / 8 % 2 * 8 + lane % 8) * S::pitch + lane / 16 * 16);
#pragma unroll
    for (int k = 0; k < BN / 16; ++k) {
      const std::uint32_t a[4] = {pack_pair<T>(s[2 * k][0], s[2 * k][1]), pack_pair<T>(s[2 * k][2], s[2 * k][3]),
                                  pack_pair<T>(s[2 * k + 1][0], s[2 * k + 1][1]),
                                  pack_pair<T>(s[2 * k + 1][2], s[2 * k + 1][3])};
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        std::uint32_t b[4];
        load_matrices_transposed(b, from + static_cast<std::uint32_t>(k * 16 * S::pitch + d * 32));
        multiply_add<T>(sum[2 * d], a, b[0], b[1]);
        multiply_add<T>(sum[2 * d + 1], a, b[2], b[3]);
      }
    }
  }

  /// This group's share of `count` entries (block numbers): every G-th, `stages` of them on their way.
  template <class Entry>
  __device__ void run(const KeyMap<BN>& map, int count, Entry entry) {
    const int mine = (count - group + S::groups - 1) / S::groups;
    const auto entry_of = [&](int i) { return entry(group + i * S::groups); };
    const auto block_of = [&](int i) { return map.at(entry_of(i) & ~partial_block); };
    for (int i = 0; i < at.stages; ++i) {
      if (i < mine) fetch(block_of(i), i);
      copy_async_commit();
    }
    for (int i = 0, stage = 0; i < mine; ++i, stage = stage + 1 == at.stages ? 0 : stage + 1) {
      copy_async_wait(at.stages - 1);
      barrier();
      float s[BN / 8][4] = {};
      scores(stage, s);
      const KeyBlock block = block_of(i);
      if ((entry_of(i) & partial_block) != 0 || block.count < BN) mask(block, stage, s);
      soften(s);
      weigh(stage, s);
      barrier();
      if (i + at.stages < mine) fetch(block_of(i + at.stages), stage);
      copy_async_commit();
    }
    copy_async_wait(0);
  }

  /// Sums and {top, total} of the warp's 16 rows, as the merge wants them.
  __device__ void store(float* sums, float (*stats)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      total[half] += __shfl_xor_sync(all_lanes, total[half], 1);
      total[half] += __shfl_xor_sync(all_lanes, total[half], 2);
      const int row = lane / 4 + 8 * half;
      if (lane % 4 == 0) stats[row][0] = top[half] * at.scale_log2, stats[row][1] = total[half];
#pragma unroll
      for (int d = 0; d < D / 8; ++d)
        *reinterpret_cast<float2*>(sums + row * D + d * 8 + lane % 4 * 2) = make_float2(sum[d][2 * half], sum[d][2 * half + 1]);
    }
  }
};

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
  MmaGroup<T, S> my{at, kv, lane, static_cast<int>(threadIdx.x % S::group_threads), group,
                    shared_address(ring) + static_cast<std::uint32_t>(group * at.stages * S::stage_bytes)};
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
    merged.finish(at.job, index / at.group, kv * at.group + static_cast<int>(index % at.group), at.scale_log2, lane);
  };
  const int index = tile * static_cast<int>(gridDim.y) + kv;
  const std::int64_t slots = std::int64_t{gridDim.y} * gridDim.z * at.splits * S::rows;
  const auto slot_of = [&](int part, int row) { return (std::int64_t{index} * at.splits + part) * S::rows + row; };
  for (int row = warp; row < rows; row += S::threads / 32) {  // the groups of this block
    RowSums<D> merged;
#pragma unroll
    for (int g = 0; g < S::groups; ++g) merged.add(sums + (g * S::rows + row) * D, stats[g][row], lane);
    if (at.splits == 1) finish(merged, row);
    else merged.store(at.partial + slot_of(split, row) * D, at.partial + slots * D + slot_of(split, row) * 2, lane);
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
  auto* const partial = reinterpret_cast<float*>(static_cast<char*>(job.scratch) + Scratch::counter_bytes(where.multiprocessors));
  const MmaJob<T> at{job, rows, group, splits, stages, scale_log2, partial, counters};
  const dim3 grid(static_cast<unsigned>(splits), static_cast<unsigned>(job.kv_heads), static_cast<unsigned>(tiles));
  return launch_attention(attention_mma_kernel<T, S>, grid, S::threads, S::shared_bytes(stages), 1, where, at);
}

template <int D, class T>
cudaError_t attention_mma(const AttentionJob<T>& job, float scale_log2, const Where& where) {
  const bool few = job.q.rows * (job.heads / job.kv_heads) <= 16;
  return few ? launch_mma<MmaShape<D, 1, 8, 16>>(job, scale_log2, where)
             : launch_mma<MmaShape<D, 4, 2, 64>>(job, scale_log2, where);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
