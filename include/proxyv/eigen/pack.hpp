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

  static Operand weight(const Weight<>& w) {
    return {static_cast<const std::byte*>(w.data()), w.cols(), w.type(), true};
  }
  static Operand rows(const float* data, index_t stride) {
    return {reinterpret_cast<const std::byte*>(data), stride, DType::f32, true};
  }
  static Operand plain(const float* data, index_t stride) {
    return {reinterpret_cast<const std::byte*>(data), stride, DType::f32, false};
  }
};

#include "proxyv/eigen/level/pack.inl"

}  // namespace detail
}  // namespace proxyv::inline v0
