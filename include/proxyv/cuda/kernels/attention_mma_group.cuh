// A group of warps of the sm_80 tensor-core path: its ring of key blocks and the registers of its rows.
#pragma once

#include "proxyv/cuda/kernels/attention_blocks.cuh"
#include "proxyv/cuda/kernels/attention_ptx.cuh"

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
  static constexpr int pitch = 2 * D + 16;                  ///< bytes; the 16 spread rows over the banks
  static constexpr int stage_bytes = (2 * pitch + 4) * BN;  ///< keys, values, positions
  static constexpr int window = 256;                        ///< blocks looked at together
  static constexpr int merge_bytes = G * rows * D * 4;

  static std::size_t shared_bytes(int stages) {
    return static_cast<std::size_t>(stages * G * stage_bytes > merge_bytes ? stages * G * stage_bytes
                                                                           : merge_bytes);
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

  __device__ std::uint32_t keys_of(int stage) const {
    return ring + static_cast<std::uint32_t>(stage * S::stage_bytes);
  }
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
      copy_async_4(positions_of(stage) + 4 * static_cast<std::uint32_t>(thread),
                   segment.positions + block.key + thread);
  }

  __device__ void scores(int stage, float (&s)[BN / 8][4]) const {
    const std::uint32_t from =
        keys_of(stage) +
        static_cast<std::uint32_t>((lane / 16 * 8 + lane % 8) * S::pitch + lane / 8 % 2 * 16);
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
          asm volatile("ld.shared.s32 %0, [%1];"
                       : "=r"(after)
                       : "r"(positions_of(stage) + 4 * static_cast<std::uint32_t>(key))
                       : "memory");
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
    const std::uint32_t from =
        values_of(stage) +
        static_cast<std::uint32_t>((lane / 8 % 2 * 8 + lane % 8) * S::pitch + lane / 16 * 16);
#pragma unroll
    for (int k = 0; k < BN / 16; ++k) {
      const std::uint32_t a[4] = {
          pack_pair<T>(s[2 * k][0], s[2 * k][1]), pack_pair<T>(s[2 * k][2], s[2 * k][3]),
          pack_pair<T>(s[2 * k + 1][0], s[2 * k + 1][1]), pack_pair<T>(s[2 * k + 1][2], s[2 * k + 1][3])};
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
        *reinterpret_cast<float2*>(sums + row * D + d * 8 + lane % 4 * 2) =
            make_float2(sum[d][2 * half], sum[d][2 * half + 1]);
    }
  }
};

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
