// Blocked matrix product on the micro-kernel, with the epilogue applied while the tile is in cache.
//
// Sums over k are cut at fixed places, so a result does not depend on threads or on the blocking
// of rows and columns. Small row counts go elsewhere (gemv.hpp).
#pragma once

#include <algorithm>

#include "proxyv/eigen/activation.hpp"
#include "proxyv/eigen/kernel.hpp"
#include "proxyv/eigen/threads.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t block_depth = 512;  ///< k per pass; also where sums are cut
inline constexpr index_t block_rows = 240;   ///< rows of x packed at a time
inline constexpr index_t block_cols = 1024;  ///< columns packed at a time

/// One thread's scratch, allocated with the engine and shared by all ops in turn.
struct Scratch {
  static constexpr index_t rows_floats =
      160 * 1024;  ///< a block of x; in attention, one of queries and scores
  static constexpr index_t panels_floats = block_cols * block_depth;
  static constexpr index_t floats = rows_floats + panels_floats;

  float* base = nullptr;
  const CpuKernels* kernels = nullptr;    ///< what the ops work with
  float* panels() const { return base; }  ///< 64-byte aligned
  float* rows() const { return base + panels_floats; }
};

static_assert((block_rows + tile_rows) * block_depth + 64 <= Scratch::rows_floats);

/// A block of columns of one output: y (+)= x b, then act(y + bias).
struct Target {
  Operand b;
  index_t first = 0;  ///< column of b that column 0 of y is
  index_t cols = 0;
  float* y = nullptr;
  index_t stride = 0;
  const float* bias = nullptr;
  Act act = Act::none;
};

/// x [rows, depth] times up to block_cols columns, spread over `count` targets.
inline void multiply(const float* x, index_t stride, index_t rows, index_t depth, float beta,
                     const Target* targets, int count, const Scratch& scratch) {
  const CpuKernels& k = *scratch.kernels;
  const index_t panel_width = k.panel_cols;
  const index_t blocks = (rows + block_rows - 1) / block_rows;
  for (index_t k0 = 0; k0 < depth; k0 += block_depth) {
    const index_t steps = std::min(block_depth, depth - k0);
    const bool add = k0 > 0 || beta != 0.f, last = k0 + steps == depth;
    for (index_t block = 0; block < blocks; ++block) {
      const Range range = share(rows, blocks, block);
      const Tiles tiles{range.size()};
      const float* from = x + range.begin * stride + k0;
      for (index_t t = 0; t < tiles.count(); ++t) {
        const index_t row = tiles.begin(t);
        k.pack_rows(from + row * stride, stride, static_cast<int>(tiles.begin(t + 1) - row), steps,
                    scratch.rows() + row * steps);
      }
      float* panel = scratch.panels();
      for (int i = 0; i < count; ++i) {
        const Target& to = targets[i];
        for (index_t j = 0; j < to.cols; j += panel_width, panel += panel_width * steps) {
          const index_t cols = std::min<index_t>(panel_width, to.cols - j);
          if (block == 0) k.pack_panel(to.b, to.first + j, cols, k0, steps, panel);
          for (index_t t = 0; t < tiles.count(); ++t) {
            const index_t row = tiles.begin(t), height = tiles.begin(t + 1) - row;
            float* y = to.y + (range.begin + row) * to.stride + j;
            k.tile(static_cast<int>(height), steps, scratch.rows() + row * steps, panel, y, to.stride, add,
                   cols);
            if (last)
              k.finish_tile(to.act, to.bias == nullptr ? nullptr : to.bias + j, y, to.stride, height, cols);
          }
        }
      }
    }
  }
}

/// How an output is cut into tasks for the threads: columns first, so that weights are packed once.
struct TaskGrid {
  index_t row_tasks, col_tasks;

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
  index_t count() const { return row_tasks * col_tasks; }
};

inline constexpr index_t serial_work = index_t{1}
                                       << 19;  ///< multiply-adds below which threads cost more than they give

/// y = act(x b + bias + beta y), x [rows, depth], y [rows, cols].
inline void gemm(const float* x, index_t x_stride, index_t rows, index_t depth, const Operand& b, float* y,
                 index_t y_stride, index_t cols, float beta, const float* bias, Act act,
                 const Scratch* scratch, int threads) {
  if (rows == 0 || cols == 0) return;
  if (depth == 0) {
    for (index_t i = 0; beta == 0.f && i < rows; ++i) std::fill_n(y + i * y_stride, cols, 0.f);
    return scratch->kernels->finish_tile(act, bias, y, y_stride, rows, cols);
  }
  if (rows * cols < serial_work / depth) threads = 1;
  const index_t panel_width = scratch->kernels->panel_cols;
  const TaskGrid grid(rows, cols, threads, block_cols, panel_width);
  parallel_for(threads, grid.count(), [&](index_t task, int thread) {
    const Range r = share(rows, grid.row_tasks, task % grid.row_tasks, tile_rows);
    const Range c = share(cols, grid.col_tasks, task / grid.row_tasks, panel_width);
    const Target to{b,        c.begin,
                    c.size(), y + r.begin * y_stride + c.begin,
                    y_stride, bias == nullptr ? nullptr : bias + c.begin,
                    act};
    multiply(x + r.begin * x_stride, x_stride, r.size(), depth, beta, &to, 1, scratch[thread]);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
