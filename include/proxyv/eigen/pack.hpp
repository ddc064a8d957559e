// Rearranging operands for the micro-kernel: a few rows of x, or a panel of columns of the other
// operand, become one run of floats in the order in which the kernel reads them.
//
// Weights keep the element type of the checkpoint until here; packing is where they become floats,
// so the kernel exists once.
#pragma once

#include <algorithm>

#include "proxyv/core/view.hpp"
#include "proxyv/eigen/convert.hpp"
#include "proxyv/eigen/kernels.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// The right operand of a product, as the caller has it.
struct Operand {
  const std::byte* data = nullptr;
  index_t stride = 0;  ///< elements from one row to the next
  DType type = DType::f32;
  bool columns_are_rows = true;  ///< true: w [n, k], a product with w^T; false: z [k, n]
  bool packed = false;           ///< w in panels of the level that multiplies, `stride` steps of k each

  static Operand weight(const Weight<>& w) {
    return {static_cast<const std::byte*>(w.data()), w.stored_cols(), w.type(), true, w.packed()};
  }
  static Operand rows(const float* data, index_t stride) {
    return {reinterpret_cast<const std::byte*>(data), stride, DType::f32};
  }
  static Operand plain(const float* data, index_t stride) {
    return {reinterpret_cast<const std::byte*>(data), stride, DType::f32, false};
  }

  /// Of a packed operand: the panel that begins with column j, from step k0 (even) on.
  const std::byte* panel(index_t j, index_t k0, index_t panel_width) const {
    return data + (j * stride + k0 * panel_width) * static_cast<index_t>(dtype_size(type));
  }
  bool bf16_weight() const { return columns_are_rows && type == DType::bf16; }
};

/// Where a packed panel of `panel` rows holds element k of a row. Floats lie step by step, [k][row]; 16-bit
/// elements in pairs of neighbours, [k / 2][row][k % 2]: a register of pairs becomes two of floats without a
/// shuffle, and is what a dot product of pairs takes.
inline index_t packed_at(DType type, index_t panel, index_t row, index_t k) {
  return type == DType::f32 ? k * panel + row : (k / 2 * panel + row) * 2 + k % 2;
}

#include "proxyv/eigen/level/pack.inl"

}  // namespace detail
}  // namespace proxyv::inline v0
