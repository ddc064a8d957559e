// The SwiGLU feed-forward network of the decoders.
#pragma once

#include <algorithm>

#include "proxyv/backend/fused.hpp"
#include "proxyv/layers/linear.hpp"

namespace proxyv::inline v0 {

/// Rows a feed-forward network takes at a time: the engine's own wish, or 1024.
template <class B>
constexpr index_t ffn_block_rows() {
  if constexpr (requires { B::ffn_block_rows; }) {
    return B::ffn_block_rows;
  } else {
    return 1024;
  }
}

/// down( silu(gate(x)) * up(x) ).
template <class B>
class Ffn {
 public:
  /// Rows go through in blocks of this size, which bounds the scratch to block_rows * inner elements.
  static constexpr index_t block_rows = ffn_block_rows<B>();

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

  /// x += ffn(norm(x)). x [rows, hidden] in/out.
  template <class E>
    requires GateOps<E> && GemmOps<E> && NormOps<E> && SameTensorsAs<E, B>
  void add_normed_to(E& be, const Norm<B>& norm, Out<B> x) const {
    const index_t most = std::min(x.rows(), block_rows);
    auto frame = be.frame();
    auto normed = frame.matrix(most, x.cols());
    auto inner = frame.matrix(most, gate_.rows());
    for (index_t row = 0; row < x.rows(); row += block_rows) {
      const index_t n = std::min(block_rows, x.rows() - row);
      norm_swiglu<B>(be, x.row_range(row, n), norm, normed.row_range(0, n), gate_, up_, inner.row_range(0, n));
      down_(be, inner.row_range(0, n), x.row_range(row, n), {.beta = 1.f});
    }
  }

  index_t inner_width() const { return gate_.rows(); }
  /// The two halves of it, for layers that do other work beside the first:
  /// inner [rows, inner_width()] = silu(gate(x)) * up(x), then y += down(inner).
  template <class E>
    requires GateOps<E> && SameTensorsAs<E, B>
  void expand(E& be, In<B> x, Out<B> inner) const {
    be.swiglu(x, gate_, up_, inner);
  }
  template <class E>
    requires GemmOps<E> && SameTensorsAs<E, B>
  void contract(E& be, In<B> inner, Out<B> y) const {
    down_(be, inner, y, {.beta = 1.f});
  }

 private:
  WeightOf<B> gate_, up_;
  Linear<B> down_;
};

}  // namespace proxyv::inline v0
