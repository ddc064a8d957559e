// A warpgroup's scores in registers: masked, softened, rounded. Shared by Hopper's two attention kernels.
//
// Registers follow wgmma's accumulators: a thread holds rows lane / 4 and lane / 4 + 8 of its warp's 16, and
// of every 8 columns the pair lane % 4; element 4 n + 2 half + j is row `half`, column 8 n + 2 (lane % 4) +
// j.
#pragma once

#include <climits>

#include "proxyv/cuda/kernels/attention_row.cuh"
#include "proxyv/cuda/kernels/hopper_attention_ptx.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

/// What the producer tells about a block of keys, packed in an int with the count above.
struct Note {
  static constexpr int partial = 1, causal = 2, end = 4, skip = 8, count_shift = 8;

  __device__ static int make(int count, bool is_partial, bool is_causal) {
    return (count << count_shift) | (is_partial ? partial : 0) | (is_causal ? causal : 0);
  }
};

/// Running softmax of a thread's two rows.
struct SoftRows {
  float top[2], total[2], shrink[2];
  std::int32_t position[2];

  __device__ void reset() {
#pragma unroll
    for (int half = 0; half < 2; ++half)
      top[half] = -INFINITY, total[half] = 0.f, shrink[half] = 1.f, position[half] = INT_MIN;
  }

  /// Hides what a partial block's rows must not see.
  template <int N>
  __device__ void mask(float (&s)[N], int note, const std::int32_t* positions, int lane) const {
    if (!(note & Note::partial)) return;
    const int count = note >> Note::count_shift;
    const bool causal = (note & Note::causal) != 0;
#pragma unroll
    for (int n = 0; n < N / 4; ++n) {
      const int key = n * 8 + lane % 4 * 2;
      int2 after{INT_MIN, INT_MIN};
      if (causal && key < count) after = *reinterpret_cast<const int2*>(positions + key);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (key >= count || position[half] < after.x) s[4 * n + 2 * half] = -INFINITY;
        if (key + 1 >= count || position[half] < after.y) s[4 * n + 2 * half + 1] = -INFINITY;
      }
    }
  }

  /// Scores become weights; `shrink` is what earlier sums must be multiplied by.
  template <int N>
  __device__ void soften(float (&s)[N], float scale_log2) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float high = top[half];
#pragma unroll
      for (int n = 0; n < N / 4; ++n) high = fmaxf(high, fmaxf(s[4 * n + 2 * half], s[4 * n + 2 * half + 1]));
      high = fmaxf(high, __shfl_xor_sync(all_lanes, high, 1));
      high = fmaxf(high, __shfl_xor_sync(all_lanes, high, 2));
      const float subtract = high == -INFINITY ? 0.f : high * scale_log2;
      shrink[half] = fast_exp2(top[half] * scale_log2 - subtract);
      top[half] = high;
      float sums = 0.f;
#pragma unroll
      for (int n = 0; n < N / 4; ++n) {
#pragma unroll
        for (int j = 2 * half; j < 2 * half + 2; ++j) {
          s[4 * n + j] = fast_exp2(fmaf(s[4 * n + j], scale_log2, -subtract));
          sums += s[4 * n + j];
        }
      }
      total[half] = total[half] * shrink[half] + sums;
    }
  }
  template <int N>
  __device__ void shrink_sums(float (&sum)[N]) const {
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] *= shrink[i / 2 % 2];
  }
  /// The quad's lanes hold parts of `total`: afterwards each holds all of it.
  __device__ void gather_totals() {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      total[half] += __shfl_xor_sync(all_lanes, total[half], 1);
      total[half] += __shfl_xor_sync(all_lanes, total[half], 2);
    }
  }
};

/// Weights rounded, in the order of a first operand of 64 x N.
template <class T, int N>
__device__ inline void round_weights(std::uint32_t (&weight)[N / 2], const float (&s)[N]) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) weight[i] = pack_pair<T>(s[2 * i], s[2 * i + 1]);
}

/// Writes a warp's 16 rows from `first` on; row r is query r / group, head kv * group + r % group. Rows that
/// blocks could not get right are computed again by definition.
template <class T, int D>
__device__ void store_rows(const AttentionJob<T>& job, const float (&sum)[D / 2], SoftRows& soft, int first,
                           int rows, int group, int kv, float scale_log2) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  soft.gather_totals();
  unsigned again[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const bool nothing = soft.total[half] == 0.f;
    const float factor = nothing ? 0.f : 1.f / soft.total[half];
    const int row = first + lane / 4 + 8 * half;
    const bool exists = row < rows;
    const int query = exists ? row / group : 0, head = kv * group + (exists ? row % group : 0);
    T* to = job.o.data + query * job.o.stride + head * D + lane % 4 * 2;
    bool finite = true;
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      const float a = sum[4 * n + 2 * half] * factor, b = sum[4 * n + 2 * half + 1] * factor;
      finite &= fabsf(a) < INFINITY && fabsf(b) < INFINITY;
      if (exists) *reinterpret_cast<std::uint32_t*>(to + 8 * n) = pack_pair<T>(a, b);
    }
    again[half] =
        __ballot_sync(all_lanes, exists && (!finite || (nothing && job.empty == EmptyRow::uniform)));
  }
  if ((again[0] | again[1]) == 0) return;
  __syncwarp();  // the stores above come first
  for (int row = 0; row < 16; ++row)
    if ((again[row / 8] >> (row % 8 * 4)) & 0xf)
      exact_row<D>(job, (first + row) / group, kv * group + (first + row) % group, scale_log2);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
