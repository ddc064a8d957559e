// From the residual stream to logits: final norm, then the vocabulary projection.
#pragma once

#include "proxyv/layers/linear.hpp"
#include "proxyv/layers/norm.hpp"

namespace proxyv::inline v0 {

/// logits = norm(x) w^T; w is the embedding table when embeddings are tied.
template <class B>
class LmHead {
 public:
  LmHead() = default;
  LmHead(const RmsNorm<B>& norm, WeightOf<B> w) : norm_(norm), w_(w) {}

  index_t vocab() const { return w_.out(); }

  /// x [n, hidden] in; normed [n, hidden] scratch; logits [n, vocab] out.
  template <class E>
    requires NormOps<E> && GemmOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> x, Out<B> normed, Out<B> logits) const {
    norm_gemm<B>(be, x, norm_.norm(), normed, w_.weight(), logits, {});
  }

 private:
  RmsNorm<B> norm_;
  Linear<B> w_;
};

}  // namespace proxyv::inline v0
