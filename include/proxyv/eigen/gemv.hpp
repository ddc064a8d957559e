// Products with few rows of x: weights are read once, as they lie in memory, at the memory's speed.
//
// Nothing is packed. One weight row after the other is streamed, so that the memory sees a single
// long run, and meets all rows of x while it is in the nearest cache. Weight rows are shared out to
// the threads.
#pragma once

#include "proxyv/eigen/gemm.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t gemv_rows = 8;        ///< most rows of x that come here
inline constexpr int prefetch_bytes = 4096;     ///< how far ahead of the sums weights are asked for

/// sums[m] = w . x[m] for M rows of x.
template <class T, int M>
[[gnu::noinline]] void dot_row(const std::byte* w, const float* x, index_t x_stride, index_t depth, float* sums) {
  constexpr int size = static_cast<int>(sizeof(T));
  Packet even[M], odd[M];
  unroll<M>([&](auto m) { even[m] = odd[m] = splat(0.f); });
  index_t k = 0;
  for (; k + 2 * lanes <= depth; k += 2 * lanes) {
    const std::byte* at = w + k * size;
    unroll<(2 * lanes * size + 63) / 64>([&](auto line) { __builtin_prefetch(at + prefetch_bytes + 64 * line); });
    const Packet a = load_as_float<T>(at);
    const Packet b = load_as_float<T>(at + lanes * size);
    unroll<M>([&](auto m) {
      even[m] = madd(a, load(x + m * x_stride + k), even[m]);
      odd[m] = madd(b, load(x + m * x_stride + k + lanes), odd[m]);
    });
  }
  unroll<M>([&](auto m) {
    float sum = ei::predux(ei::padd(even[m], odd[m]));
    for (index_t i = k; i < depth; ++i) sum += element_at<T>(w + i * size) * x[m * x_stride + i];
    sums[m] = sum;
  });
}

/// y [rows, n] (+)= x w^T for n rows of w without gaps.
template <class T>
void gemv_part(const float* x, index_t x_stride, index_t rows, index_t depth, const std::byte* w, index_t n, bool add, float* y,
               index_t y_stride) {
  for (index_t j = 0; j < n; ++j, w += depth * static_cast<index_t>(sizeof(T))) {
    float sums[gemv_rows];
    index_t m = 0;
    for (; m + 4 <= rows; m += 4) dot_row<T, 4>(w, x + m * x_stride, x_stride, depth, sums + m);
    for (; m + 2 <= rows; m += 2) dot_row<T, 2>(w, x + m * x_stride, x_stride, depth, sums + m);
    for (; m < rows; ++m) dot_row<T, 1>(w, x + m * x_stride, x_stride, depth, sums + m);
    for (m = 0; m < rows; ++m) {
      float& to = y[m * y_stride + j];
      to = add ? to + sums[m] : sums[m];
    }
  }
}

/// y = act(x w^T + bias + beta y), x [rows, depth] with rows <= gemv_rows.
inline void gemv(const float* x, index_t x_stride, index_t rows, const Weight<>& w, float* y, index_t y_stride, float beta,
                 const float* bias, Act act, int threads) {
  const index_t depth = w.cols(), n = w.rows();
  if (rows * n < serial_work / std::max<index_t>(depth, 1)) threads = 1;
  const index_t tasks = threads > 1 ? 4 * threads : 1;
  parallel_for(threads, tasks, [&](index_t task, int) {
    const Range r = share(n, tasks, task, lanes);
    if (r.size() == 0) return;
    const Weight<> part = w.row_range(r.begin, r.size());
    with_dtype(w.type(), [&]<class T>(T) {
      gemv_part<T>(x, x_stride, rows, depth, static_cast<const std::byte*>(part.data()), r.size(), beta != 0.f, y + r.begin, y_stride);
    });
    finish_tile(act, bias == nullptr ? nullptr : bias + r.begin, y + r.begin, y_stride, rows, r.size());
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
