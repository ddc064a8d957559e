// Products with few rows of x: weights are read once, as they lie in memory, at the memory's speed.
//
// Nothing is packed. Each weight meets all rows of x while it is in a register or the nearest cache, and
// weight rows are shared out to the threads. How many weight rows are streamed side by side depends on the
// element type alone: what the memory likes best (floats four rows, 16-bit weights one long run).
#pragma once

#include "proxyv/eigen/gemm.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t gemv_rows = 16;       ///< most rows of x that come here
inline constexpr int prefetch_bytes = 4096;    ///< how far ahead a single run of weights is asked for

/// sums[r * M + m] = w[r] . x[m] for R rows of weights and M rows of x.
template <class T, int R, int M>
[[gnu::noinline]] void dot_rows(const std::byte* w, index_t w_bytes, const float* x, index_t x_stride, index_t depth, float* sums) {
  constexpr int size = static_cast<int>(sizeof(T));
  constexpr int packets = size == 4 ? 1 : 2;  // per step and row: the same for every R and M, so that bits are
  Packet sum[R][M][packets];
  unroll<R>([&](auto r) { unroll<M>([&](auto m) { unroll<packets>([&](auto p) { sum[r][m][p] = splat(0.f); }); }); });
  const auto step = [&](index_t k, auto p, auto count) {
    Packet a[R];
    unroll<R>([&](auto r) { a[r] = in_register(load_as_float<T>(w + r * w_bytes + k * size, count)); });
    unroll<M>([&](auto m) {
      const Packet b = in_register(load(x + m * x_stride + k, count));
      unroll<R>([&](auto r) { sum[r][m][p] = madd(a[r], b, sum[r][m][p]); });
    });
  };
  index_t k = 0;
  for (; k + packets * lanes <= depth; k += packets * lanes) {
    if constexpr (packets == 2)
      unroll<(packets * lanes * size + 63) / 64>([&](auto line) { __builtin_prefetch(w + k * size + prefetch_bytes + 64 * line); });
    unroll<packets>([&](auto p) { step(k + p * lanes, p, whole_packet); });
  }
  for (; k < depth; k += lanes) step(k, std::integral_constant<int, 0>{}, std::min<index_t>(lanes, depth - k));
  unroll<R>([&](auto r) {
    unroll<M>([&](auto m) {
      Packet all = sum[r][m][0];
      if constexpr (packets == 2) all = ei::padd(all, sum[r][m][1]);
      sums[r * M + m] = ei::predux(all);
    });
  });
}

/// M rows of x against all rows of w.
template <class T, int M>
void gemv_rows_of_x(const float* x, index_t x_stride, index_t depth, const std::byte* w, index_t w_bytes, index_t n, bool add, float* y,
                    index_t y_stride) {
  constexpr int together = sizeof(T) != 4 ? 1 : M == 4 && lanes < 16 ? 2 : 4;
  float sums[together * M];
  const auto put = [&](index_t j, int rows) {
    for (int r = 0; r < rows; ++r) {
      for (int m = 0; m < M; ++m) {
        float& to = y[m * y_stride + j + r];
        to = add ? to + sums[r * M + m] : sums[r * M + m];
      }
    }
  };
  index_t j = 0;
  for (; j + together <= n; j += together) {
    dot_rows<T, together, M>(w + j * w_bytes, w_bytes, x, x_stride, depth, sums);
    put(j, together);
  }
  for (; j < n; ++j) {
    dot_rows<T, 1, M>(w + j * w_bytes, w_bytes, x, x_stride, depth, sums);
    put(j, 1);
  }
}

/// y [rows, n] (+)= x w^T for n rows of w, w_bytes apart.
template <class T>
void gemv_part(const float* x, index_t x_stride, index_t rows, index_t depth, const std::byte* w, index_t w_bytes, index_t n, bool add,
               float* y, index_t y_stride) {
  constexpr index_t run = 16;  // weight rows that stay in cache while the rows of x pass by
  for (index_t j = 0; j < n; j += run, w += run * w_bytes) {
    const index_t count = std::min(run, n - j);
    index_t m = 0;
    for (; m + 4 <= rows; m += 4) gemv_rows_of_x<T, 4>(x + m * x_stride, x_stride, depth, w, w_bytes, count, add, y + m * y_stride + j, y_stride);
    for (; m + 2 <= rows; m += 2) gemv_rows_of_x<T, 2>(x + m * x_stride, x_stride, depth, w, w_bytes, count, add, y + m * y_stride + j, y_stride);
    for (; m < rows; ++m) gemv_rows_of_x<T, 1>(x + m * x_stride, x_stride, depth, w, w_bytes, count, add, y + m * y_stride + j, y_stride);
  }
}

/// The same for a weight of any element type.
inline void gemv_part(const float* x, index_t x_stride, index_t rows, const Weight<>& w, bool add, float* y, index_t y_stride) {
  with_dtype(w.type(), [&]<class T>(T) {
    gemv_part<T>(x, x_stride, rows, w.cols(), static_cast<const std::byte*>(w.data()), w.cols() * static_cast<index_t>(sizeof(T)), w.rows(), add,
                 y, y_stride);
  });
}

/// y = act(x w^T + bias + beta y), x [rows, depth] with rows <= gemv_rows.
inline void gemv(const float* x, index_t x_stride, index_t rows, const Weight<>& w, float* y, index_t y_stride, float beta,
                 const float* bias, Act act, int threads) {
  const index_t depth = w.cols(), n = w.rows();
  if (rows * n < serial_work / std::max<index_t>(depth, 1)) threads = 1;
  const index_t tasks = threads > 1 ? 4 * threads : 1;
  parallel_for(threads, tasks, [&](index_t task, int) {
    const Range r = share(n, tasks, task, 16);
    if (r.size() == 0) return;
    gemv_part(x, x_stride, rows, w.row_range(r.begin, r.size()), beta != 0.f, y + r.begin, y_stride);
    finish_tile(act, bias == nullptr ? nullptr : bias + r.begin, y + r.begin, y_stride, rows, r.size());
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
