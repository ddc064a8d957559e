// Blocked matrix product on the micro-kernel, with the epilogue applied while the tile is in cache.
//
// Sums over k are cut at fixed places, so a result does not depend on threads or on the blocking
// of rows and columns. Small row counts go elsewhere (gemv.hpp).
#pragma once

#include <algorithm>

#include "proxyv/eigen/activation.hpp"
#include "proxyv/eigen/kernel.hpp"
#include "proxyv/eigen/scratch.hpp"
#include "proxyv/eigen/threads.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// One of the products made together: y (+)= x b, from column `first` of b on.
struct Target {
  Operand b;
  index_t first = 0;
  float* y = nullptr;
  index_t stride = 0;
};

/// Panels of right operands as the micro-kernel reads them: packed ones in place, or as floats for each block
/// of rows; others packed with the first block of rows and kept for the next ones.
class Panels {
 public:
  /// What the micro-kernel is given: floats, bf16 to widen, or pairs of bf16 to multiply with pairs of x.
  enum class Form : std::uint8_t { floats, bf16, pairs };

  /// One target, or two.
  Panels(const Scratch& scratch, const Target* targets, int count, index_t rows)
      : k_(*scratch.kernels),
        slot_(scratch.panels()),
        targets_(targets),
        count_(count),
        keep_(!(targets[0].b.packed && targets[count - 1].b.packed)) {
    if (!(targets[0].b.bf16_weight() && targets[count - 1].b.bf16_weight())) return;
    if (scratch.bf16_products) form_ = Form::pairs;
    else if (!keep_ && rows >= high_tiles) form_ = Form::bf16;
  }

  Form form() const { return form_; }

  /// Columns [j, j + cols) of target i, steps [k0, k0 + steps). `fresh`: no earlier call had this j and k0.
  const float* get(int i, index_t j, index_t cols, index_t k0, index_t steps, bool fresh) const {
    const Target& to = targets_[i];
    const index_t width = k_.panel_cols;
    if (to.b.packed && (form_ != Form::floats || to.b.type == DType::f32)) {
      const void* panel = to.b.panel(to.first + j, k0, width);
      return static_cast<const float*>(panel);
    }
    const bool pairs = form_ == Form::pairs;
    float* slot = slot_ + (keep_ ? (j * count_ + i * width) * (pairs ? (steps + 1) / 2 : steps)
                                 : i * width * block_depth);
    if (!fresh && keep_) return slot;
    if (pairs) k_.pack_weight_panel(to.b, to.first + j, cols, k0, steps, reinterpret_cast<std::byte*>(slot));
    else k_.pack_panel(to.b, to.first + j, cols, k0, steps, slot);
    return slot;
  }

 private:
  const CpuKernels& k_;
  float* slot_;
  const Target* targets_;
  int count_;
  bool keep_;
  Form form_ = Form::floats;
};

/// x [rows, depth] times `cols` columns of each target; finish(row, rows, j, cols) when a tile is done in all
/// of them. Floats of x are multiplied where they lie, pairs of bf16 rounded once for each block of rows.
/// Targets that are not packed: at most block_cols columns in all.
template <class Finish>
void multiply(const float* x, index_t stride, index_t rows, index_t depth, float beta, const Target* targets,
              int count, index_t cols, const Scratch& scratch, Finish&& finish) {
  const CpuKernels& k = *scratch.kernels;
  const Panels panels(scratch, targets, count, rows);
  const bool pairs = panels.form() == Panels::Form::pairs;
  const index_t blocks = (rows + block_rows - 1) / block_rows;
  const index_t together = pairs ? 2 : 1;  // steps of k that the micro-kernel takes at once
  const auto tile = pairs                                 ? k.tile_pairs_in_place
                    : panels.form() == Panels::Form::bf16 ? k.tile_widened
                                                          : k.tile_in_place;
  for (index_t k0 = 0; k0 < depth; k0 += together * block_depth) {
    const index_t steps = std::min(together * block_depth, depth - k0),
                  units = (steps + together - 1) / together;
    const bool add = k0 > 0 || beta != 0.f, last = k0 + steps == depth;
    for (index_t block = 0; block < blocks; ++block) {
      const Range range = share(rows, blocks, block);
      const Tiles tiles{range.size()};
      const float* from = x + range.begin * stride + k0;
      if (pairs) k.round_rows(from, stride, range.size(), steps, scratch.rows());
      const float* left = pairs ? scratch.rows() : from;
      const index_t left_stride = pairs ? block_depth : stride;
      for (index_t j = 0; j < cols; j += k.panel_cols) {
        const index_t width = std::min<index_t>(k.panel_cols, cols - j);
        const float* panel[2];
        for (int i = 0; i < count; ++i) panel[i] = panels.get(i, j, width, k0, steps, block == 0);
        for (index_t t = 0; t < tiles.count(); ++t) {
          const index_t row = range.begin + tiles.begin(t);
          for (int i = 0; i < count; ++i)
            tile(tiles.height(t), units, left + tiles.begin(t) * left_stride, left_stride, panel[i],
                 targets[i].y + row * targets[i].stride + j, targets[i].stride, add, width);
          if (last) finish(row, tiles.height(t), j, width);
        }
      }
    }
  }
}

/// How an output is cut into tasks for the threads.
struct TaskGrid {
  index_t row_tasks, col_tasks;

  /// Columns first, so that weights are packed once.
  TaskGrid(index_t rows, index_t cols, int threads, index_t max_cols, index_t panel_width) {
    const index_t panels = (cols + panel_width - 1) / panel_width;
    col_tasks = std::max<index_t>(1, (cols + max_cols - 1) / max_cols);
    row_tasks = 1;
    if (threads <= 1) return;
    const index_t even = (col_tasks + threads - 1) / threads * threads;
    if (panels >= 4 * even) {
      col_tasks = even;
    } else {
      const index_t most = std::max<index_t>(1, rows / (4 * tile_rows));
      row_tasks = std::min<index_t>(most, (threads + col_tasks - 1) / col_tasks);
    }
  }

  /// For packed weights: several pieces for each thread, so that all end together. Blocks of rows, which meet
  /// every column of a piece; then columns. `least`: rows below which a block is not cut.
  static TaskGrid pieces(index_t rows, index_t cols, int threads, index_t max_cols, index_t panel_width,
                         index_t least) {
    const index_t panels = (cols + panel_width - 1) / panel_width,
                  blocks = (rows + block_rows - 1) / block_rows, wanted = threads > 1 ? 4 * threads : 1;
    TaskGrid grid(rows, cols, 1, max_cols, panel_width);
    grid.row_tasks = std::max(blocks, std::min(wanted, rows / least));
    if (blocks >= threads) grid.row_tasks = (grid.row_tasks + threads - 1) / threads * threads;
    const index_t columns = (wanted + grid.row_tasks - 1) / grid.row_tasks;
    grid.col_tasks = std::max(grid.col_tasks, std::min(columns, panels));
    return grid;
  }
  index_t count() const { return row_tasks * col_tasks; }
};

inline constexpr index_t serial_work = index_t{1}
                                       << 19;  ///< multiply-adds below which threads cost more than they give

/// y = act(x b + bias + beta y), x [rows, depth], y [rows, cols].
inline void gemm(const float* x, index_t x_stride, index_t rows, index_t depth, const Operand& b, float* y,
                 index_t y_stride, index_t cols, float beta, const float* bias, Act act,
                 const Scratch* scratch, Team threads) {
  if (rows == 0 || cols == 0) return;
  if (depth == 0) {
    for (index_t i = 0; beta == 0.f && i < rows; ++i) std::fill_n(y + i * y_stride, cols, 0.f);
    return scratch->kernels->finish_tile(act, bias, y, y_stride, rows, cols);
  }
  if (rows * cols < serial_work / depth) threads = 1;
  const CpuKernels& k = *scratch->kernels;
  const TaskGrid grid = b.packed ? TaskGrid::pieces(rows, cols, threads, cols, k.panel_cols,
                                                    scratch->least_rows(b.bf16_weight()))
                                 : TaskGrid(rows, cols, threads, block_cols, k.panel_cols);
  parallel_for(threads, grid.count(), [&](index_t task, int thread) {
    const Range r = share(rows, grid.row_tasks, task % grid.row_tasks, tile_rows);
    const Range c = share(cols, grid.col_tasks, task / grid.row_tasks, k.panel_cols);
    const Target to{b, c.begin, y + r.begin * y_stride + c.begin, y_stride};
    multiply(x + r.begin * x_stride, x_stride, r.size(), depth, beta, &to, 1, c.size(), scratch[thread],
             [&](index_t row, index_t height, index_t j, index_t width) {
               k.finish_tile(act, bias == nullptr ? nullptr : bias + c.begin + j, to.y + row * y_stride + j,
                             y_stride, height, width);
             });
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
