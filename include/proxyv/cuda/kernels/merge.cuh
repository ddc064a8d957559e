// Merging rows that are not kept into a few of them. See MergeOps.
#pragma once

#include "proxyv/cuda/kernels/rank.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

template <class T>
__global__ void head_mean_kernel(Rows<const T> x, int heads, Rows<float> y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(y.rows * y.cols, [&](std::int64_t item) {
    const std::int64_t i = item / y.cols, j = item % y.cols;
    float sum = 0.f;
    for (int h = 0; h < heads; ++h) sum += as_float(x.data[i * x.stride + h * y.cols + j]);
    y.data[i * y.stride + j] = sum / static_cast<float>(heads);
  });
}

/// Rows that are not kept: every step-th, `count` of them, to targets, the others to merged.
template <int = 0>
__global__ void split_rest_kernel(const std::int32_t* kept, std::int64_t kept_count, std::int64_t rows,
                                  std::int64_t step, std::int64_t count, std::int32_t* targets,
                                  std::int32_t* merged) {
  wait_for_previous();
  let_next_begin();
  for_each_item(rows, [&](std::int64_t row) {
    std::int64_t low = 0, high = kept_count;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (kept[middle] < row) low = middle + 1;
      else high = middle;
    }
    if (low < kept_count && kept[low] == row) return;
    const std::int64_t i = row - low, target = i / step;  // the i-th that is not kept
    if (i % step == 0 && target < count) targets[target] = static_cast<std::int32_t>(row);
    else merged[i - min(count, (i + step - 1) / step)] = static_cast<std::int32_t>(row);
  });
}

/// to[i] = the target with the largest cosine; a warp a merged row.
template <int = 0>
__global__ void __launch_bounds__(rank_threads)
    nearest_kernel(Rows<const float> metric, const std::int32_t* targets, int count,
                   const std::int32_t* merged, std::int64_t merged_count, std::int32_t* to) {
  wait_for_previous();
  let_next_begin();
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t i = std::int64_t{blockIdx.x} * (rank_threads / 32) + threadIdx.x / 32;
  if (i >= merged_count) return;
  const float* own = metric.data + merged[i] * metric.stride;
  float best = -INFINITY;
  int found = 0;
  for (int t = 0; t < count; ++t) {
    const float* target = metric.data + targets[t] * metric.stride;
    float dot = 0.f, square = 0.f;
    for (std::int64_t j = lane; j < metric.cols; j += 32) {
      dot += own[j] * target[j];
      square += target[j] * target[j];
    }
    dot = warp_sum(dot);
    square = warp_sum(square);
    const float cosine = square > 0.f ? __fdiv_rn(dot, __fsqrt_rn(square)) : 0.f;
    if (cosine > best) best = cosine, found = t;
  }
  if (lane == 0) to[i] = found;
}

/// y[t] = x[targets[t]] + the mean of the rows merged into t; a thread a column.
template <class T>
__global__ void add_group_means_kernel(Rows<const T> x, const std::int32_t* targets,
                                       const std::int32_t* merged, const std::int32_t* to,
                                       std::int64_t merged_count, Rows<T> y) {
  wait_for_previous();
  let_next_begin();
  const std::int64_t t = blockIdx.y, j = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (j >= y.cols) return;
  float sum = 0.f, count = 0.f;
  for (std::int64_t i = 0; i < merged_count; ++i) {
    if (to[i] != t) continue;
    sum += as_float(x.data[merged[i] * x.stride + j]);
    count += 1.f;
  }
  const float own = as_float(x.data[targets[t] * x.stride + j]);
  y.data[t * y.stride + j] = as_element<T>(count > 0.f ? own + sum / count : own);
}

}  // namespace kernels

template <class T>
cudaError_t head_mean(Rows<const T> x, int heads, Rows<float> y, const Where& where) {
  return kernels::launch(where, kernels::blocks_for(y.rows * y.cols, 256, where), 256, 0,
                         kernels::head_mean_kernel<T>, x, heads, y);
}

inline cudaError_t group_rest(Rows<const float> metric, const std::int32_t* kept, std::int64_t kept_count,
                              std::int32_t* targets, std::int64_t count, std::int32_t* merged,
                              std::int64_t merged_count, std::int32_t* to, const Where& where) {
  const std::int64_t step =
      std::max<std::int64_t>(1, (count + merged_count) / std::max<std::int64_t>(1, count));
  const cudaError_t status = kernels::launch(where, kernels::blocks_for(metric.rows, 256, where), 256, 0,
                                             kernels::split_rest_kernel<>, kept, kept_count, metric.rows,
                                             step, count, targets, merged);
  if (status != cudaSuccess) return status;
  const dim3 blocks(static_cast<unsigned>(kernels::ceil_div(merged_count, kernels::rank_threads / 32)));
  return kernels::launch(where, blocks, kernels::rank_threads, 0, kernels::nearest_kernel<>, metric, targets,
                         static_cast<int>(count), merged, merged_count, to);
}

template <class T>
cudaError_t add_group_means(Rows<const T> x, const std::int32_t* targets, const std::int32_t* merged,
                            const std::int32_t* to, std::int64_t merged_count, Rows<T> y,
                            const Where& where) {
  const dim3 blocks(static_cast<unsigned>(kernels::ceil_div(y.cols, 128)), static_cast<unsigned>(y.rows));
  return kernels::launch(where, blocks, 128, 0, kernels::add_group_means_kernel<T>, x, targets, merged, to,
                         merged_count, y);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
