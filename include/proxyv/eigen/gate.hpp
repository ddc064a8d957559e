// SwiGLU: two products over the same x, joined block by block so that the second one needs no tensor.
#pragma once

#include "proxyv/eigen/gemv.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t gate_cols = 256;   ///< columns of gate and of up per block
inline constexpr index_t gate_rows = 1024;  ///< rows whose up block is kept
static_assert(2 * gate_cols * block_depth + gate_rows * gate_cols <= Scratch::panels_floats);

#include "proxyv/eigen/level/gate.inl"

/// One block of columns, any number of rows, on one thread.
inline void swiglu_block(View<const float> x, const Weight<>& gate, const Weight<>& up, View<float> y,
                         const Scratch& scratch) {
  const CpuKernels& k = *scratch.kernels;
  float* ups = scratch.panels() + 2 * gate_cols * block_depth;
  for (index_t i = 0; i < y.rows(); i += gate_rows) {
    const View<const float> from = x.row_range(i, std::min(gate_rows, y.rows() - i));
    float* to = y.row(i);
    if (from.rows() <= gemv_rows) {
      k.gemv(from.data(), from.stride(), from.rows(), gate, false, to, y.stride());
      k.gemv(from.data(), from.stride(), from.rows(), up, false, ups, gate_cols);
    } else {
      const Target targets[2] = {{Operand::weight(gate), 0, y.cols(), to, y.stride(), nullptr, Act::none},
                                 {Operand::weight(up), 0, y.cols(), ups, gate_cols, nullptr, Act::none}};
      multiply(from.data(), from.stride(), from.rows(), from.cols(), 0.f, targets, 2, scratch);
    }
    k.gate_tile(to, y.stride(), ups, gate_cols, from.rows(), y.cols());
  }
}

/// y = silu(x gate^T) * (x up^T)
inline void swiglu(View<const float> x, const Weight<>& gate, const Weight<>& up, View<float> y,
                   const Scratch* scratch, int threads) {
  if (y.empty()) return;
  if (x.cols() == 0) {
    for (index_t i = 0; i < y.rows(); ++i) std::fill_n(y.row(i), y.cols(), 0.f);
    return;
  }
  if (y.rows() * y.cols() < serial_work / x.cols() / 2) threads = 1;
  const index_t panel_width = scratch->kernels->panel_cols;
  const TaskGrid grid(y.rows(), y.cols(), threads, gate_cols, panel_width);
  parallel_for(threads, grid.count(), [&](index_t task, int thread) {
    const Range r = share(y.rows(), grid.row_tasks, task % grid.row_tasks, tile_rows);
    const Range c = share(y.cols(), grid.col_tasks, task / grid.row_tasks, panel_width);
    if (r.size() == 0 || c.size() == 0) return;
    swiglu_block(x.row_range(r.begin, r.size()), gate.row_range(c.begin, c.size()),
                 up.row_range(c.begin, c.size()), y.row_range(r.begin, r.size()).col_range(c.begin, c.size()),
                 scratch[thread]);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
