// RMSNorm and LayerNorm, alone or fused with the addition before or a second norm behind: every element
// is read once and written once. See norm_kernel.cuh.
#pragma once

#include <algorithm>

#include "proxyv/cuda/kernels/norm_kernel.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

template <class T, bool Centred>
cudaError_t norm_rows(NormRows<T> job, const Where& where) {
  const std::int64_t rows = job.x.rows, cols = job.x.cols;
  if (rows == 0 || cols == 0) return cudaSuccess;
  job.whole = cols % wide<T> == 0 && rows_wide(job.x.data, rows, job.x.stride) &&
              rows_wide(job.delta.data, rows, job.delta.stride) &&
              rows_wide(job.kept, rows, job.kept_stride) && rows_wide(job.gain, 1, 0) &&
              rows_wide(job.bias, 1, 0) && rows_wide(job.next_gain, 1, 0) &&
              rows_wide(job.y.data, rows, job.y.stride);
  const std::int64_t held = ceil_div(cols, std::int64_t{wide<T> * row_lanes});
  const auto kernel = held <= 2   ? norm_kernel<T, 2, Centred>
                      : held <= 8 ? norm_kernel<T, 8, Centred>
                                  : norm_kernel<T, 0, Centred>;
  return launch(where, dim3(static_cast<unsigned>(rows)), row_lanes, 0, kernel, job);
}

}  // namespace cuda::kernels

namespace cuda {

/// y = x / sqrt(mean(x^2) + eps) * gain per row; y may be x. Any alignment, any strides.
template <class T>
cudaError_t rms_norm(Rows<const T> x, const T* gain, Rows<T> y, float eps, const Where& where) {
  return kernels::norm_rows<T, false>({.x = x, .gain = gain, .eps = eps, .y = y}, where);
}

/// x += delta, rounded; then y = rms_norm(x).
template <class T>
cudaError_t add_rms_norm(Rows<T> x, Rows<const T> delta, const T* gain, Rows<T> y, float eps,
                         const Where& where) {
  return kernels::norm_rows<T, false>({.x = {x.data, x.rows, x.cols, x.stride},
                                       .delta = delta,
                                       .kept = x.data,
                                       .kept_stride = x.stride,
                                       .gain = gain,
                                       .eps = eps,
                                       .y = y},
                                      where);
}

/// x = rms_norm(x; gain1), then y = rms_norm(x; gain2): the bits of the two calls, one pass over memory.
template <class T>
cudaError_t rms_norm_twice(Rows<T> x, const T* gain1, float eps1, const T* gain2, float eps2, Rows<T> y,
                           const Where& where) {
  return kernels::norm_rows<T, false>({.x = {x.data, x.rows, x.cols, x.stride},
                                       .kept = x.data,
                                       .kept_stride = x.stride,
                                       .gain = gain1,
                                       .next_gain = gain2,
                                       .eps = eps1,
                                       .next_eps = eps2,
                                       .y = y},
                                      where);
}

/// y = (x - mean) / sqrt(variance + eps) * gain + bias per row; y may be x.
template <class T>
cudaError_t layer_norm(Rows<const T> x, const T* gain, const T* bias, Rows<T> y, float eps,
                       const Where& where) {
  return kernels::norm_rows<T, true>({.x = x, .gain = gain, .bias = bias, .eps = eps, .y = y}, where);
}

/// x += delta, rounded; then y = layer_norm(x).
template <class T>
cudaError_t add_layer_norm(Rows<T> x, Rows<const T> delta, const T* gain, const T* bias, Rows<T> y, float eps,
                           const Where& where) {
  return kernels::norm_rows<T, true>({.x = {x.data, x.rows, x.cols, x.stride},
                                      .delta = delta,
                                      .kept = x.data,
                                      .kept_stride = x.stride,
                                      .gain = gain,
                                      .bias = bias,
                                      .eps = eps,
                                      .y = y},
                                     where);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
