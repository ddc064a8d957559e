// One row of attention by one warp, straight from the definition: who is visible, and the exact row.
//
// The tensor-core kernels multiply whole blocks, so a hidden value that is infinite or NaN reaches rows
// that do not see it (0 * inf). They therefore look at what they computed, and a row that is not finite,
// or that saw nothing and wants the mean, is computed again here. Rare, slow, right.
#pragma once

#include <cmath>

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/launch.hpp"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

inline constexpr unsigned all_lanes = 0xffffffffu;

/// Waits for the kernel before this one, then lets the next one be scheduled.
__device__ inline void wait_for_predecessor() {
  wait_for_previous();
  let_next_begin();
}

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
  return x;
}
__device__ inline float warp_max(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(all_lanes, x, step));
  return x;
}

/// Keys of a segment that count now.
template <class T>
__device__ inline int live_keys(const DeviceSegment<T>& segment) {
  return segment.live == nullptr ? segment.rows : min(max(segment.live[0], 0), segment.rows);
}

template <class T>
__device__ inline bool is_visible(const DeviceSegment<T>& segment, std::int64_t query, int query_position,
                                  int key) {
  switch (segment.visible) {
    case Visible::all: return true;
    case Visible::causal: return query_position >= segment.positions[key];
    case Visible::table: return segment.table[query * segment.table_stride + key] != 0;
    case Visible::self: return query == key;
    case Visible::none: return false;
  }
  return false;
}

template <class T>
__device__ inline bool any_causal(const AttentionJob<T>& job) {
  bool causal = false;
  for (int s = 0; s < job.segments; ++s) causal |= job.segment[s].visible == Visible::causal;
  return causal;
}

/// Running softmax-weighted sum: `top` the largest score so far, in units of log2.
struct Running {
  float top = -INFINITY, total = 0.f;

  /// Takes a new largest score; returns what earlier sums shrink by, and leaves a finite top to subtract.
  __device__ float raise(float score, float& subtract) {
    const float old = top;
    top = fmaxf(top, score);
    subtract = top == -INFINITY ? 0.f : top;
    return exp2f(old - subtract);
  }
};

/// The mean of all values in columns [column, column + 32 * C) of one key/value head, lane by lane.
template <int C, class T>
__device__ void mean_of_values(const AttentionJob<T>& job, std::int64_t column, int columns, int lane,
                               float (&mean)[C]) {
  float count = 0.f;
  for (int c = 0; c < C; ++c) mean[c] = 0.f;
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    const int keys = live_keys(segment);
    count += static_cast<float>(keys);
    for (int key = 0; key < keys; ++key) {
      const T* value = segment.values + key * segment.value_stride + column;
#pragma unroll
      for (int c = 0; c < C; ++c)
        if (lane + 32 * c < columns) mean[c] += as_float(value[lane + 32 * c]);
    }
  }
  for (int c = 0; c < C; ++c) mean[c] = count == 0.f ? 0.f : mean[c] / count;
}

/// Row (query, head) of a job whose head size is D, by one warp.
template <int D, class T>
__device__ __noinline__ void exact_row(const AttentionJob<T>& job, std::int64_t query, int head,
                                       float scale_log2) {
  constexpr int C = D / 32;
  const int lane = static_cast<int>(threadIdx.x % 32), kv = head / (job.heads / job.kv_heads);
  const int position = any_causal(job) ? job.query_positions[query] : 0;
  float q[C], sum[C] = {};
#pragma unroll
  for (int c = 0; c < C; ++c)
    q[c] = as_float(job.q.data[query * job.q.stride + std::int64_t{head} * D + lane + 32 * c]);
  Running running;
  bool nothing = true;
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    const int keys = live_keys(segment);
    for (int key = 0; key < keys; ++key) {
      if (!is_visible(segment, query, position, key)) continue;
      nothing = false;
      const T* k = segment.keys + key * segment.key_stride + std::int64_t{kv} * D + lane;
      const T* v = segment.values + key * segment.value_stride + std::int64_t{kv} * D + lane;
      float dot = 0.f;
#pragma unroll
      for (int c = 0; c < C; ++c) dot += q[c] * as_float(k[32 * c]);
      const float score = warp_sum(dot) * scale_log2;
      float subtract;
      const float shrink = running.raise(score, subtract), weight = exp2f(score - subtract);
      running.total = running.total * shrink + weight;
#pragma unroll
      for (int c = 0; c < C; ++c) sum[c] = sum[c] * shrink + weight * as_float(v[32 * c]);
    }
  }
  if (nothing && job.empty == EmptyRow::uniform) mean_of_values(job, std::int64_t{kv} * D, D, lane, sum);
  const float divide = nothing ? 1.f : running.total;
#pragma unroll
  for (int c = 0; c < C; ++c)
    job.o.data[query * job.o.stride + std::int64_t{head} * D + lane + 32 * c] =
        as_element<T>(sum[c] / divide);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
