// The light MLP that stands in for attention and FFN on vision rows.
//
//   full <- full + out silu( mix input full )        (and an RMSNorm, by option)
//
// Nothing non-linear stands between input and mix: the folded form has one product less.
#pragma once

#include "proxyv/layers/fold.hpp"
#include "proxyv/layers/linear.hpp"
#include "proxyv/layers/norm.hpp"

namespace proxyv::inline v0 {

/// Source: ProxyV section 2.4 (its parameter count fixes the shapes); the rest as the oracle's light_mlp.
template <class B>
class LightMlp {
 public:
  struct Weights {
    WeightOf<B> input;  ///< [inner, hidden]
    WeightOf<B> mix;    ///< [inner, inner]
    WeightOf<B> out;    ///< [hidden, inner]
    Vec<B> gain;        ///< [hidden]; empty: no norm
  };

  LightMlp(const Weights& w, float eps) : w_(w), norm_(w.gain, eps) {
    const index_t inner = w.mix.rows(), hidden = w.input.cols();
    PROXYV_CHECK(
        w.mix.cols() == inner && w.input.rows() == inner && w.out.cols() == inner && w.out.rows() == hidden,
        ShapeError, "LightMlp: input ", shape_text(w.input.rows(), w.input.cols()), ", mix ",
        shape_text(inner, w.mix.cols()), ", out ", shape_text(w.out.rows(), w.out.cols()),
        ", wanted [i, h], [i, i], [h, i]");
  }

  /// Makes the folded weight. Start-up only: allocates.
  template <class E>
    requires SameTensorsAs<E, B>
  void fold(E& be) { folded_ = proxyv::fold<B>(be, w_.mix, w_.input); }

  /// full [n, hidden] in/out. Cost folded: 4 * n * hidden * inner FLOPs; plain: 2 * n * inner^2 more.
  template <class E>
    requires GemmOps<E> && NormOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, Out<B> full, bool folded) const {
    const index_t inner = w_.mix.rows();
    {
      auto frame = be.frame();
      auto mixed = frame.matrix(full.rows(), inner);
      if (folded) {
        PROXYV_CHECK(folded_.present(), ArgumentError,
                     "LightMlp: the folded form was asked for before fold()");
        be.gemm(full, folded_.weight(), mixed, {.act = Act::silu});
      } else {
        auto small = frame.matrix(full.rows(), inner);
        be.gemm(full, w_.input, small, {});
        be.gemm(small, w_.mix, mixed, {.act = Act::silu});
      }
      be.gemm(mixed, w_.out, full, {.beta = 1.f});
    }
    if (!w_.gain.empty()) norm_(be, full, full);
  }

 private:
  Weights w_;
  RmsNorm<B> norm_;
  FoldedWeight<B> folded_;
};

}  // namespace proxyv::inline v0
