// The micro-kernel: up to tile_rows x panel_cols of y from packed operands, sums in registers.
#pragma once

#include "proxyv/eigen/pack.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// `rows` rows cut into tiles of nearly equal height: no thin last tile.
struct Tiles {
  index_t rows;
  index_t count() const { return (rows + tile_rows - 1) / tile_rows; }
  index_t begin(index_t tile) const { return rows * tile / count(); }
  int height(index_t tile) const { return static_cast<int>(begin(tile + 1) - begin(tile)); }
};

#include "proxyv/eigen/level/kernel.inl"

}  // namespace detail
}  // namespace proxyv::inline v0
