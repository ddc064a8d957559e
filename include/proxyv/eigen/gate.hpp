// SwiGLU: two products over the same x, joined block by block so that the second one needs no tensor.
#pragma once

#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/ops.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t gate_cols = 256;          ///< columns of gate and of up per block
inline constexpr index_t gate_rows = 1024;         ///< rows whose up block is kept
inline constexpr index_t gate_packed_cols = 1856;  ///< columns per block of packed weights ...
inline constexpr index_t gate_widened =
    2 * most_panel_cols * block_depth;  ///< ... behind what widens a panel of each
static_assert(2 * gate_cols * block_depth + gate_rows * gate_cols <= Scratch::panels_floats);
static_assert(gate_widened + block_rows * gate_packed_cols <= Scratch::panels_floats);

#include "proxyv/eigen/level/gate.inl"

/// A product and the one that gates it, of the same shape.
struct GatedWeights {
  Weight<> gate, up;

  bool packed() const { return gate.packed() && up.packed(); }
  GatedWeights row_range(index_t begin, index_t count) const {
    return {gate.row_range(begin, count), up.row_range(begin, count)};
  }
};

/// y [few, n], one weight.
inline void few_rows(const CpuKernels& k, View<const float> x, const Weight<>& w, float* y,
                     index_t y_stride) {
  if (w.packed()) return k.row_times_panels(x.data(), w, false, y);
  k.gemv(x.data(), x.stride(), x.rows(), w, false, y, y_stride);
}

/// One block of columns and of rows, on one thread; `ups` takes the block of the second product.
inline void swiglu_block(View<const float> x, const GatedWeights& w, View<float> y, float* ups,
                         index_t ups_stride, const Scratch& scratch) {
  const CpuKernels& k = *scratch.kernels;
  const bool any_packed = w.gate.packed() || w.up.packed();
  if (x.rows() == 1 || (x.rows() <= gemv_rows && !any_packed)) {
    few_rows(k, x, w.gate, y.data(), y.stride());
    few_rows(k, x, w.up, ups, ups_stride);
    return k.gate_tile(y.data(), y.stride(), ups, ups_stride, y.rows(), y.cols());
  }
  const Target targets[2] = {{Operand::weight(w.gate), 0, y.data(), y.stride()},
                             {Operand::weight(w.up), 0, ups, ups_stride}};
  multiply(x.data(), x.stride(), x.rows(), x.cols(), 0.f, targets, 2, y.cols(), scratch,
           [&](index_t row, index_t rows, index_t j, index_t cols) {
             k.gate_tile(y.row(row) + j, y.stride(), ups + row * ups_stride + j, ups_stride, rows, cols);
           });
}

/// y = silu(x gate^T) * (x up^T)
template <class DefinedIn>
void CpuOps<DefinedIn>::swiglu(View<const float> x, const Weight<>& gate, const Weight<>& up, View<float> y,
                               const Scratch* scratch, Team threads) {
  if (y.empty()) return;
  if (x.cols() == 0) {
    for (index_t i = 0; i < y.rows(); ++i) std::fill_n(y.row(i), y.cols(), 0.f);
    return;
  }
  if (y.rows() * y.cols() < serial_work / x.cols() / 2) threads = 1;
  const index_t panel_width = scratch->kernels->panel_cols;
  const GatedWeights w{gate, up};
  const index_t at_once = w.packed() ? block_rows : gate_rows,
                most_cols = w.packed() ? gate_packed_cols : gate_cols;
  const bool bf16_weights = gate.type() == DType::bf16 && up.type() == DType::bf16;
  const TaskGrid grid = w.packed() ? TaskGrid::pieces(y.rows(), y.cols(), threads, most_cols, panel_width,
                                                      scratch->least_rows(bf16_weights))
                                   : TaskGrid(y.rows(), y.cols(), threads, most_cols, panel_width);
  parallel_for(threads, grid.count(), [&](index_t task, int thread) {
    const Range r = share(y.rows(), grid.row_tasks, task % grid.row_tasks, tile_rows);
    const Range c = share(y.cols(), grid.col_tasks, task / grid.row_tasks, panel_width);
    if (c.size() == 0) return;
    float* ups = scratch[thread].panels() + (w.packed() ? gate_widened : 2 * gate_cols * block_depth);
    for (index_t i = r.begin; i < r.end; i += at_once) {
      const index_t rows = std::min(at_once, r.end - i);
      swiglu_block(x.row_range(i, rows), w.row_range(c.begin, c.size()),
                   y.row_range(i, rows).col_range(c.begin, c.size()), ups,
                   w.packed() ? gate_packed_cols : gate_cols, scratch[thread]);
    }
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
