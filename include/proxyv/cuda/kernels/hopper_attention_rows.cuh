// How Hopper's attention for few rows computes: one warpgroup with 64 rows, and the merge of a cluster's
// parts.
#pragma once

#include "proxyv/cuda/kernels/hopper_attention_stream.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend::split {

/// One warpgroup: 64 rows against every block that comes.
template <class T, class S>
struct Consumer {
  static constexpr int D = S::head;

  const Task<T>& task;
  Board<S>& board;
  std::uint32_t memory;
  int kv, lane, warp;
  RingPlace<S::stages> at;
  std::uint32_t q[D / 4], weight[keys / 4];
  float sum[D / 2] = {};
  SoftRows soft;

  __device__ void run() {
    for (;; at.next()) {
      barrier_wait(shared_address(&board.full[at.stage]), at.parity);
      const int note = board.note[at.stage];
      if (note & Note::end) break;
      if (note & Note::skip) {
        release();
        continue;
      }
      float s[keys / 2];
      scores(s);
      const int count = note >> Note::count_shift;
      if (count < keys) clear_values(count);
      soft.mask(s, note, board.position[at.stage], lane);
      soft.soften(s, task.scale_log2);
      soft.shrink_sums(sum);
      round_weights<T>(weight, s);
      add_values();
      release();
    }
  }

  __device__ void load_queries(int first) {
    const bool causal = any_causal(task.job);
    soft.reset();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first + 8 * half;
      const bool exists = row < task.rows;
      const int query = exists ? row / task.group : 0,
                head = kv * task.group + (exists ? row % task.group : 0);
      const T* from = task.job.q.data + query * task.job.q.stride + head * D + lane % 4 * 2;
      if (causal && exists) soft.position[half] = task.job.query_positions[query];
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        q[4 * k + half] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * k) : 0u;
        q[4 * k + half + 2] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * k + 8) : 0u;
      }
    }
  }
  /// Sums to where the ring was, with what the merge needs to know.
  __device__ void store(float* sums) {
    soft.gather_totals();
    barrier();  // all warps are done with the ring
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp * 16 + lane / 4 + 8 * half;
      if (lane % 4 == 0)
        board.stats[row][0] = soft.top[half] * task.scale_log2, board.stats[row][1] = soft.total[half];
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
        *reinterpret_cast<float2*>(sums + row * S::pitch + n * 8 + lane % 4 * 2) =
            make_float2(sum[4 * n + 2 * half], sum[4 * n + 2 * half + 1]);
    }
  }

 private:
  __device__ static void barrier() { asm volatile("bar.sync 1, 128;" ::: "memory"); }
  __device__ void release() const { barrier_arrive(shared_address(&board.empty[at.stage])); }
  __device__ std::uint32_t keys_at() const {
    return memory + static_cast<std::uint32_t>(2 * at.stage * S::tile_bytes);
  }

  __device__ void scores(float (&s)[keys / 2]) {
    keep_order(s);
    keep_order(q);
    wgmma_fence();
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
      wgmma_registers<T, keys, false>(
          s, q + 4 * d, operand(keys_at() + static_cast<std::uint32_t>(d / 4 * box_bytes + d % 4 * 32), 16),
          d == 0 ? 0 : 1);
    wgmma_commit();
    wgmma_wait<0>();
    keep_order(s);
  }
  __device__ void add_values() {
    keep_order(sum);
    keep_order(weight);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < keys / 16; ++k)
      wgmma_registers<T, D, true>(
          sum, weight + 4 * k,
          operand(keys_at() + static_cast<std::uint32_t>(S::tile_bytes + k * 16 * 128), box_bytes), 1);
    wgmma_commit();
    wgmma_wait<0>();
    keep_order(sum);
  }
  /// Values behind the last key may be anything, NaN as well, and would be multiplied by zero.
  __device__ void clear_values(int count) const {
    const std::uint32_t values = keys_at() + S::tile_bytes;
    for (int i = static_cast<int>(threadIdx.x); i < S::boxes * (keys - count) * 8; i += 128) {
      const int box = i / ((keys - count) * 8), chunk = count * 8 + i % ((keys - count) * 8);
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(
                       values + static_cast<std::uint32_t>(box * box_bytes + chunk * 16)),
                   "r"(0)
                   : "memory");
    }
    fence_for_wgmma();
    barrier();
  }
};

/// Merges the cluster's parts of the rows that are this block's to finish. Lane s knows how much part s
/// weighs.
template <class T, class S>
__device__ void merge(const Task<T>& task, const Board<S>& board, const float* sums, int first, int count,
                      int kv, int part) {
  constexpr int D = S::head, vector = LaneColumns<D>::vector;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32),
            splits = task.splits;
#pragma unroll 2
  for (int row = part + splits * warp; row < count; row += splits * (threads / 32)) {
    Pack<float, vector> parts[most_splits][D / 32 / vector];
#pragma unroll
    for (int s = 0; s < most_splits; ++s) {
#pragma unroll
      for (int c = 0; c < D / 32; c += vector)
        if (s < splits)
          parts[s][c / vector] = *reinterpret_cast<const Pack<float, vector>*>(
              in_block(sums + row * S::pitch + LaneColumns<D>::at(lane, c), s));
    }
    Pack<float, 2> stat{-INFINITY, 0.f};
    if (lane < splits) stat = *reinterpret_cast<const Pack<float, 2>*>(in_block(board.stats[row], lane));
    const float top = warp_max(stat.at[0]), weight = fast_exp2(stat.at[0] - (top == -INFINITY ? 0.f : top));
    RowSums<D> merged;
    merged.running.total = warp_sum(stat.at[1] * weight);
#pragma unroll
    for (int s = 0; s < most_splits; ++s) {
      const float w = __shfl_sync(all_lanes, weight, s);
#pragma unroll
      for (int c = 0; c < D / 32; ++c)
        if (s < splits) merged.sum[c] += parts[s][c / vector].at[c % vector] * w;
    }
    const int index = first + row;
    merged.finish(task.job, index / task.group, kv * task.group + index % task.group, task.scale_log2, lane);
  }
}

}  // namespace cuda::kernels::attend::split
}  // namespace proxyv::inline v0
