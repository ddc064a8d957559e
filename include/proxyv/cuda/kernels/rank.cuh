// Ranking rows: the weights of attention themselves, the best of many scores, and numbers picked and ranked.
//
// Ranks are counted, not sorted: with a few thousand scores n^2 comparisons take microseconds, and the result
// is the same on every card. See RankOps.
#pragma once

#include <climits>

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/kernels/softmax.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

inline constexpr int rank_threads = 256;
inline constexpr int keys_per_block = 64;

__device__ inline float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

/// scores [queries * heads, keys] = q k^T / sqrt(head_dim), -infinity where hidden; a warp a key.
template <class T>
__global__ void __launch_bounds__(rank_threads) key_scores_kernel(AttentionJob<T> job, Rows<float> scores) {
  wait_for_previous();
  let_next_begin();
  const int lane = static_cast<int>(threadIdx.x % 32), warps = rank_threads / 32;
  const std::int64_t row = blockIdx.y, query = row / job.heads, head = row % job.heads,
                     kv = head / (job.heads / job.kv_heads);
  const T* q = job.q.data + query * job.q.stride + head * job.head_dim;
  const float scale = 1.f / sqrtf(static_cast<float>(job.head_dim));
  const std::int64_t begin = std::int64_t{blockIdx.x} * keys_per_block,
                     end = min(begin + keys_per_block, scores.cols);
  for (std::int64_t key = begin + threadIdx.x / 32; key < end; key += warps) {
    std::int64_t k = key;
    int s = 0;
    while (k >= job.segment[s].rows) k -= job.segment[s++].rows;
    const DeviceSegment<T>& g = job.segment[s];
    bool seen = g.live == nullptr || k < *g.live;
    if (seen && g.visible == Visible::causal) seen = job.query_positions[query] >= g.positions[k];
    if (seen && g.visible == Visible::table) seen = g.table[query * g.table_stride + k] != 0;
    float dot = 0.f;
    if (seen) {
      const T* from = g.keys + k * g.key_stride + kv * job.head_dim;
      for (int d = lane; d < job.head_dim; d += 32) dot += as_float(q[d]) * as_float(from[d]);
      dot = warp_sum(dot);
    }
    if (lane == 0) scores.data[row * scores.stride + key] = seen ? dot * scale : -INFINITY;
  }
}

/// Each row becomes its softmax; a row of nothing but -infinity becomes zeros.
template <int = 0>
__global__ void __launch_bounds__(rank_threads) weights_kernel(Rows<float> x) {
  __shared__ float shared[rank_threads / 32];
  wait_for_previous();
  let_next_begin();
  float* row = x.data + std::int64_t{blockIdx.x} * x.stride;
  float top = -INFINITY;
  const auto larger = [](float a, float b) { return a != a ? a : (b != b || b > a ? b : a); };
  for (std::int64_t j = threadIdx.x; j < x.cols; j += rank_threads) top = larger(top, row[j]);
  top = block_reduce(top, larger, shared);
  float total = 0.f;
  for (std::int64_t j = threadIdx.x; j < x.cols; j += rank_threads)
    total += top == -INFINITY ? 0.f : expf(row[j] - top);
  total = block_reduce(
      total, [](float a, float b) { return a + b; }, shared);
  for (std::int64_t j = threadIdx.x; j < x.cols; j += rank_threads)
    row[j] = top == -INFINITY ? 0.f : expf(row[j] - top) / total;
}

template <int = 0>
__global__ void sum_rows_kernel(Rows<const float> x, float scale, float* y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(x.cols, [&](std::int64_t j) {
    float sum = 0.f;
    for (std::int64_t i = 0; i < x.rows; ++i) sum += x.data[i * x.stride + j];
    y[j] = sum * scale;
  });
}

/// How many of x[begin..n) come before x[i]: before(a, b), equal ones by index. All threads of a block call
/// it together.
template <class X, class Before>
__device__ std::int64_t count_before(const X* x, std::int64_t begin, std::int64_t n, std::int64_t i,
                                     Before before) {
  __shared__ X tile[rank_threads];
  const bool mine = i < n;
  const X own = mine ? x[i] : X{};
  std::int64_t count = 0;
  for (std::int64_t first = begin; first < n; first += rank_threads) {
    const int some = static_cast<int>(min(std::int64_t{rank_threads}, n - first));
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < some) tile[threadIdx.x] = x[first + threadIdx.x];
    __syncthreads();
    if (mine)
      for (int j = 0; j < some; ++j)
        count += before(tile[j], own) || (!before(own, tile[j]) && first + j < i) ? 1 : 0;
  }
  return count;
}

/// flags[i] = 1 where scores[i] is kept.
template <int = 0>
__global__ void __launch_bounds__(rank_threads)
    mark_top_kernel(const float* scores, std::int64_t n, std::int64_t always, std::int64_t k,
                    std::int32_t* flags) {
  wait_for_previous();
  let_next_begin();
  const auto comparable = [](float s) { return s != s ? -INFINITY : s; };
  const std::int64_t i = std::int64_t{blockIdx.x} * rank_threads + threadIdx.x;
  const std::int64_t better =
      count_before(scores, always, n, i, [&](float a, float b) { return comparable(a) > comparable(b); });
  if (i < n) flags[i] = i < always || better < k - always ? 1 : 0;
}

/// kept = base + the places of the ones among flags, ascending; one block.
template <int = 0>
__global__ void __launch_bounds__(rank_threads)
    compact_kernel(const std::int32_t* flags, std::int64_t n, std::int32_t base, std::int32_t* kept) {
  __shared__ std::int32_t counts[rank_threads];
  wait_for_previous();
  let_next_begin();
  const std::int64_t each = (n + rank_threads - 1) / rank_threads, begin = min(n, threadIdx.x * each),
                     end = min(n, begin + each);
  std::int32_t own = 0;
  for (std::int64_t i = begin; i < end; ++i) own += flags[i];
  counts[threadIdx.x] = own;
  __syncthreads();
  std::int32_t place = 0;
  for (unsigned t = 0; t < threadIdx.x; ++t) place += counts[t];
  for (std::int64_t i = begin; i < end; ++i)
    if (flags[i] != 0) kept[place++] = base + static_cast<std::int32_t>(i);
}

template <int = 0>
__global__ void __launch_bounds__(rank_threads)
    renumber_kernel(const std::int32_t* x, std::int64_t n, std::int32_t* y) {
  wait_for_previous();
  let_next_begin();
  const std::int64_t i = std::int64_t{blockIdx.x} * rank_threads + threadIdx.x;
  const std::int64_t rank = count_before(x, 0, n, i, [](std::int32_t a, std::int32_t b) { return a < b; });
  if (i < n) y[i] = static_cast<std::int32_t>(rank);
}

/// y[i] = x[which[i]], or x[i] without which.
template <int = 0>
__global__ void pick_kernel(const std::int32_t* x, const std::int32_t* which, std::int64_t n,
                            std::int32_t* y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(n, [&](std::int64_t i) { y[i] = x[which == nullptr ? i : which[i]]; });
}

/// y[i] = x[i] where i is among kept [k], ascending; the largest number elsewhere.
template <int = 0>
__global__ void hide_others_kernel(const std::int32_t* x, std::int64_t n, const std::int32_t* kept,
                                   std::int64_t k, std::int32_t* y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(n, [&](std::int64_t i) {
    std::int64_t low = 0, high = k;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (kept[middle] < i) low = middle + 1;
      else high = middle;
    }
    y[i] = low < k && kept[low] == i ? x[i] : INT_MAX;
  });
}

}  // namespace kernels

template <class T>
cudaError_t attention_weights(const AttentionJob<T>& job, Rows<float> weights, const Where& where) {
  if (weights.rows == 0 || weights.cols == 0) return cudaSuccess;
  const dim3 blocks(static_cast<unsigned>(kernels::ceil_div(weights.cols, kernels::keys_per_block)),
                    static_cast<unsigned>(weights.rows));
  const cudaError_t status =
      kernels::launch(where, blocks, kernels::rank_threads, 0, kernels::key_scores_kernel<T>, job, weights);
  if (status != cudaSuccess) return status;
  return kernels::launch(where, dim3(static_cast<unsigned>(weights.rows)), kernels::rank_threads, 0,
                         kernels::weights_kernel<>, weights);
}

inline cudaError_t sum_rows(Rows<const float> x, float scale, float* y, const Where& where) {
  return kernels::launch(where, kernels::blocks_for(x.cols, 256, where), 256, 0, kernels::sum_rows_kernel<>,
                         x, scale, y);
}

inline cudaError_t keep_top(const float* scores, std::int64_t n, std::int64_t always, std::int64_t k,
                            std::int32_t base, std::int32_t* flags, std::int32_t* kept, const Where& where) {
  if (k == 0) return cudaSuccess;
  const dim3 blocks(static_cast<unsigned>(kernels::ceil_div(n, kernels::rank_threads)));
  const cudaError_t status = kernels::launch(where, blocks, kernels::rank_threads, 0,
                                             kernels::mark_top_kernel<>, scores, n, always, k, flags);
  if (status != cudaSuccess) return status;
  return kernels::launch(where, dim3(1), kernels::rank_threads, 0, kernels::compact_kernel<>, flags, n, base,
                         kept);
}

inline cudaError_t renumber(const std::int32_t* x, std::int64_t n, std::int32_t* y, const Where& where) {
  const dim3 blocks(static_cast<unsigned>(kernels::ceil_div(n, kernels::rank_threads)));
  return kernels::launch(where, blocks, kernels::rank_threads, 0, kernels::renumber_kernel<>, x, n, y);
}

inline cudaError_t pick(const std::int32_t* x, const std::int32_t* which, std::int64_t n, std::int32_t* y,
                        const Where& where) {
  return kernels::launch(where, kernels::blocks_for(n, 256, where), 256, 0, kernels::pick_kernel<>, x, which,
                         n, y);
}

inline cudaError_t hide_others(const std::int32_t* x, std::int64_t n, const std::int32_t* kept,
                               std::int64_t k, std::int32_t* y, const Where& where) {
  return kernels::launch(where, kernels::blocks_for(n, 256, where), 256, 0, kernels::hide_others_kernel<>, x,
                         n, kept, k, y);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
