// The SwiGLU feed-forward network of the decoders.
#pragma once

#include <algorithm>

#include "proxyv/layers/linear.hpp"

namespace proxyv::inline v0 {

/// down( silu(gate(x)) * up(x) ).
template <class B>
class Ffn {
 public:
  /// Rows go through in blocks of this size, which bounds the scratch to block_rows * inner elements.
  static constexpr index_t block_rows = 1024;

  Ffn() = default;
  /// gate, up [inner, hidden]; down [hidden, inner].
  Ffn(WeightOf<B> gate, WeightOf<B> up, WeightOf<B> down) : gate_(gate), up_(up), down_(down) {}

  /// y += ffn(x). x [rows, hidden] in; y [rows, hidden] in/out, apart from x.
  template <class E>
    requires GateOps<E> && GemmOps<E> && SameTensorsAs<E, B>
  void add_to(E& be, In<B> x, Out<B> y) const {
    auto frame = be.frame();
    auto inner = frame.matrix(std::min(x.rows(), block_rows), gate_.rows());
    for (index_t row = 0; row < x.rows(); row += block_rows) {
      const index_t n = std::min(block_rows, x.rows() - row);
      be.swiglu(x.row_range(row, n), gate_, up_, inner.row_range(0, n));
      down_(be, inner.row_range(0, n), y.row_range(row, n), {.beta = 1.f});
    }
  }

 private:
  WeightOf<B> gate_, up_;
  Linear<B> down_;
};

}  // namespace proxyv::inline v0
