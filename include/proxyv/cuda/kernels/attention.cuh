// Attention's door: which of the paths serves a job.
//
//   hopper    bf16 and f16 on sm_90, aligned, many rows: wgmma and bulk tensor copies
//   mma       bf16 and f16 on sm_80 and newer, aligned, head sizes 64, 96, 128; splits the keys when rows are
//   few general   everything else: any head size, alignment, element and odd rules
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "proxyv/cuda/kernels/attention_general.cuh"
#include "proxyv/cuda/kernels/attention_mma.cuh"
#include "proxyv/cuda/kernels/hopper_attention.cuh"
#include "proxyv/cuda/kernels/hopper_attention_split.cuh"

namespace proxyv::inline v0 {
namespace cuda {

namespace kernels::attend {

/// 1/sqrt(head_dim), for powers of two instead of e.
inline float softmax_scale(int head_dim) {
  return 1.4426950408889634f / std::sqrt(static_cast<float>(head_dim));
}

/// Rows that can be read 16 bytes at a time.
template <class T>
bool is_aligned(const T* data, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 &&
         stride * static_cast<std::int64_t>(sizeof(T)) % 16 == 0;
}

template <class T>
bool mma_fits(const AttentionJob<T>& job) {
  if (std::is_same_v<T, float> || (job.head_dim != 64 && job.head_dim != 96 && job.head_dim != 128))
    return false;
  if (!is_aligned(job.q.data, job.q.stride) || !is_aligned(job.o.data, job.o.stride)) return false;
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    const bool by_block = segment.visible == Visible::all || segment.visible == Visible::causal;
    if (!by_block || !is_aligned(segment.keys, segment.key_stride) ||
        !is_aligned(segment.values, segment.value_stride))
      return false;
  }
  return ceil_div(job.q.rows * (job.heads / job.kv_heads), 64) <=
         65535;  // tiles are the grid's third dimension
}

/// Few rows: keys are streamed once by many blocks.
template <class T>
bool split_fits(const AttentionJob<T>& job, const Where& where) {
  return where.arch == 90 && encode_tiled() != nullptr &&
         ceil_div(job.q.rows * (job.heads / job.kv_heads), 64) * job.kv_heads < INT_MAX / 64;
}

template <int D, class T>
cudaError_t attention_on_tensor_cores(const AttentionJob<T>* jobs, int count, const Where& where) {
  const float scale_log2 = softmax_scale(D);
  bool together = count == 2;
  for (int i = 0; i < count; ++i)
    together = together && !prefill_fits(jobs[i], where) && split_fits(jobs[i], where);
  if (together) return attention_split<D>(jobs, 2, scale_log2, where);
  for (int i = 0; i < count; ++i) {
    const cudaError_t status = prefill_fits(jobs[i], where) ? attention_hopper<D>(jobs[i], scale_log2, where)
                               : split_fits(jobs[i], where)
                                   ? attention_split<D>(jobs + i, 1, scale_log2, where)
                                   : attention_mma<D>(jobs[i], scale_log2, where);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

/// Jobs of one head size.
template <class T>
cudaError_t attention_by_head_size(const AttentionJob<T>* jobs, int count, const Where& where) {
  switch (jobs[0].head_dim) {
    case 64: return attention_on_tensor_cores<64>(jobs, count, where);
    case 96: return attention_on_tensor_cores<96>(jobs, count, where);
    default: return attention_on_tensor_cores<128>(jobs, count, where);
  }
}

}  // namespace kernels::attend

inline std::size_t attention_scratch_bytes(const Where& where) {
  return kernels::attend::Scratch::bytes(where.multiprocessors);
}

template <class T>
cudaError_t attention(const AttentionJob<T>& job, const Where& where) {
  if (job.q.rows == 0) return cudaSuccess;
  if constexpr (!std::is_same_v<T, float>)
    if (kernels::attend::mma_fits(job)) return kernels::attend::attention_by_head_size(&job, 1, where);
  return kernels::attend::attention_general(job, kernels::attend::softmax_scale(job.head_dim), where);
}

template <class T>
cudaError_t attentions(const AttentionJob<T>* jobs, int count, const Where& where) {
  if constexpr (!std::is_same_v<T, float>) {
    const bool together = count == 2 && jobs[0].q.rows > 0 && jobs[1].q.rows > 0 &&
                          jobs[0].head_dim == jobs[1].head_dim && kernels::attend::mma_fits(jobs[0]) &&
                          kernels::attend::mma_fits(jobs[1]);
    if (together) return kernels::attend::attention_by_head_size(jobs, count, where);
  }
  for (int i = 0; i < count; ++i) {
    const cudaError_t status = attention(jobs[i], where);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace cuda
}  // namespace proxyv::inline v0
