// One thread's scratch, as big as the greediest op needs it.
#pragma once

#include "proxyv/eigen/kernels.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t block_rows = 240;   ///< rows of x that meet a panel in turn
inline constexpr index_t block_cols = 1024;  ///< columns packed at a time

/// Allocated with the engine and shared by all ops in turn.
struct Scratch {
  static constexpr index_t rows_floats =
      160 * 1024;  ///< a block of x; in attention, one of queries and scores
  static constexpr index_t panels_floats = block_cols * block_depth;
  static constexpr index_t floats = rows_floats + panels_floats;

  float* base = nullptr;
  const CpuKernels* kernels = nullptr;    ///< what the ops work with
  bool bf16_products = false;             ///< Precision::bf16_products
  float* panels() const { return base; }  ///< 64-byte aligned
  float* rows() const { return base + panels_floats; }
  /// Rows of x that are worth a task of their own: pairs are rounded in each task that has them, floats cost
  /// nothing.
  index_t least_rows(bool bf16_weight) const { return bf16_products && bf16_weight ? 48 : block_rows; }
};

static_assert(block_rows * block_depth <= Scratch::rows_floats);

}  // namespace detail
}  // namespace proxyv::inline v0
