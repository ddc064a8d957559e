// pool_2d: fewer tokens per video frame, by pooling the projected features over the frame's grid.
//
// Plain loops on host memory; it runs once per video, outside the decoder.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

enum class PoolMode { average, max, bilinear };

/// Side of a frame's grid after pool_2d: side / stride, rounded up for bilinear, else down.
/// Throws ArgumentError unless 1 <= stride <= side <= 2^20.
inline index_t pooled_side(index_t side, index_t stride, PoolMode mode) {
  PROXYV_CHECK(stride >= 1 && side >= stride && side <= (index_t{1} << 20), ArgumentError,
               "pool_2d: wanted 1 <= stride <= side <= 1048576, found side ", side, ", stride ", stride);
  return (mode == PoolMode::bilinear ? side + stride - 1 : side) / stride;
}

namespace detail {

/// One frame's grid of feature rows: token (y, x) is row y * side + x.
template <class T>
struct FrameGrid {
  View<T> rows;
  index_t side;
  T* at(index_t y, index_t x) const { return rows.row(y * side + x); }
};

/// Where bilinear output i of n_out reads among n_in samples: 1 - share of `low`, share of `high`.
struct BilinearTap {
  index_t low, high;
  float share;
};

inline BilinearTap bilinear_tap(index_t i, index_t n_in, index_t n_out) {
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  const double place = std::max((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0);
  const auto low = std::min(static_cast<index_t>(place), n_in - 1);
  return {low, std::min(low + 1, n_in - 1), static_cast<float>(place - static_cast<double>(low))};
}

inline void pool_bilinear(FrameGrid<const float> in, FrameGrid<float> out) {
  for (index_t y = 0; y < out.side; ++y) {
    const BilinearTap v = bilinear_tap(y, in.side, out.side);
    for (index_t x = 0; x < out.side; ++x) {
      const BilinearTap h = bilinear_tap(x, in.side, out.side);
      const float *a = in.at(v.low, h.low), *b = in.at(v.low, h.high);
      const float *c = in.at(v.high, h.low), *d = in.at(v.high, h.high);
      float* sum = out.at(y, x);
      for (index_t i = 0; i < out.rows.cols(); ++i) {
        const float left = a[i] * (1 - v.share) + c[i] * v.share;
        const float right = b[i] * (1 - v.share) + d[i] * v.share;
        sum[i] = left * (1 - h.share) + right * h.share;
      }
    }
  }
}

/// join(so far, next) over each stride x stride window; a NaN must survive it.
template <class Join>
void pool_windows(FrameGrid<const float> in, FrameGrid<float> out, index_t stride, Join join) {
  const index_t cols = out.rows.cols();
  for (index_t y = 0; y < out.side; ++y) {
    for (index_t x = 0; x < out.side; ++x) {
      float* result = out.at(y, x);
      std::copy_n(in.at(y * stride, x * stride), cols, result);
      for (index_t k = 1; k < stride * stride; ++k) {
        const float* next = in.at(y * stride + k / stride, x * stride + k % stride);
        for (index_t i = 0; i < cols; ++i) result[i] = join(result[i], next[i]);
      }
    }
  }
}

inline void pool_frame(FrameGrid<const float> in, FrameGrid<float> out, index_t stride, PoolMode mode) {
  if (mode == PoolMode::bilinear) return pool_bilinear(in, out);
  if (mode == PoolMode::max) {
    return pool_windows(in, out, stride, [](float a, float b) { return b > a || b != b ? b : a; });
  }
  pool_windows(in, out, stride, [](float a, float b) { return a + b; });
  const float count = static_cast<float>(stride * stride);
  for (index_t r = 0; r < out.rows.rows(); ++r) {
    for (index_t i = 0; i < out.rows.cols(); ++i) out.rows(r, i) /= count;
  }
}

inline bool overlap(View<const float> a, View<const float> b) {
  if (a.empty() || b.empty()) return false;
  const std::less<> before;
  const float* a_end = a.row(a.rows() - 1) + a.cols();
  const float* b_end = b.row(b.rows() - 1) + b.cols();
  return before(a.data(), b_end) && before(b.data(), a_end);
}

}  // namespace detail

/// Pools each frame's side x side grid of feature rows, after the projector.
/// x   [frames * side^2, d]          in
/// y   [frames * pooled_side^2, d]   out, may not overlap x
/// average, max: windows of stride x stride, a ragged border is dropped. bilinear: to
/// ceil(side / stride), corners not aligned, no antialiasing.
/// Throws ArgumentError for a bad side or stride, ShapeError when shapes do not fit.
/// Source: get_2dPool, llava/model/llava_arch.py.
inline void pool_2d(View<const float> x, View<float> y, index_t side, index_t stride, PoolMode mode) {
  const index_t out_side = pooled_side(side, stride, mode);
  const index_t in_rows = side * side, out_rows = out_side * out_side;
  PROXYV_CHECK(x.rows() % in_rows == 0, ShapeError, "pool_2d: x has ", x.rows(),
               " rows, wanted a multiple of ", in_rows);
  const index_t frames = x.rows() / in_rows;
  PROXYV_CHECK(y.rows() == frames * out_rows && y.cols() == x.cols(), ShapeError, "pool_2d: y wanted ",
               shape_text(frames * out_rows, x.cols()), ", found ", shape_text(y.rows(), y.cols()));
  if (y.empty()) return;
  PROXYV_CHECK(x.data() != nullptr && y.data() != nullptr, ShapeError, "pool_2d: null data");
  PROXYV_CHECK(!detail::overlap(x, y), ShapeError, "pool_2d: x and y overlap");
  for (index_t f = 0; f < frames; ++f) {
    detail::pool_frame({x.row_range(f * in_rows, in_rows), side},
                       {y.row_range(f * out_rows, out_rows), out_side}, stride, mode);
  }
}

}  // namespace proxyv::inline v0
