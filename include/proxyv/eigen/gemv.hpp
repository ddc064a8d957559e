// Products with few rows of x: weights are read once, as they lie in memory, at the memory's speed.
//
// Nothing is packed. Each weight meets all rows of x while it is in a register or the nearest cache, and
// weight rows are shared out to the threads. How many weight rows are streamed side by side depends on the
// element type alone: what the memory likes best (floats four rows, 16-bit weights one long run).
#pragma once

#include "proxyv/eigen/gemm.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t gemv_rows = 16;     ///< most rows of x that come here
inline constexpr int prefetch_bytes = 512;   ///< how far ahead a single run of weights is asked for
inline constexpr int panel_prefetch = 8192;  ///< the same for packed weights

#include "proxyv/eigen/level/gemv.inl"

/// The rows of a weight shared out to the threads in whole `grain`s: part(some rows, where their columns of y
/// begin), then the epilogue.
template <class Part>
void share_weight_rows(const CpuKernels& k, const Weight<>& w, index_t grain, index_t rows, float* y,
                       index_t y_stride, const float* bias, Act act, Team threads, Part&& part) {
  const index_t n = w.rows();
  if (rows * n < serial_work / std::max<index_t>(w.cols(), 1)) threads = 1;
  const index_t tasks = threads > 1 ? 4 * threads : 1;
  parallel_for(threads, tasks, [&](index_t task, int) {
    const Range r = share(n, tasks, task, grain);
    if (r.size() == 0) return;
    part(w.row_range(r.begin, r.size()), y + r.begin);
    k.finish_tile(act, bias == nullptr ? nullptr : bias + r.begin, y + r.begin, y_stride, rows, r.size());
  });
}

/// y = act(x w^T + bias + beta y), one row x [depth] and a packed weight.
inline void gemv_packed(const CpuKernels& k, const float* x, const Weight<>& w, float* y, float beta,
                        const float* bias, Act act, Team threads) {
  share_weight_rows(k, w, w.panel(), 1, y, w.rows(), bias, act, threads,
                    [&](const Weight<>& some, float* to) { k.row_times_panels(x, some, beta != 0.f, to); });
}

/// y = act(x w^T + bias + beta y), x [rows, depth] with rows <= gemv_rows, a weight as it lies in memory.
inline void gemv(const CpuKernels& k, const float* x, index_t x_stride, index_t rows, const Weight<>& w,
                 float* y, index_t y_stride, float beta, const float* bias, Act act, Team threads) {
  share_weight_rows(k, w, 16, rows, y, y_stride, bias, act, threads, [&](const Weight<>& some, float* to) {
    k.gemv(x, x_stride, rows, some, beta != 0.f, to, y_stride);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
