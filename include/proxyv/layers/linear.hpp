// Linear: y = x w^T + bias.
#pragma once

#include "proxyv/backend/concepts.hpp"

namespace proxyv::inline v0 {

/// A linear map over weights somebody else owns.
/// x [rows, in] in; y [rows, out] out, apart from x.   Cost: 2 * rows * in * out FLOPs.
template <class B>
class Linear {
 public:
  Linear() = default;
  /// w [out, in]; bias [out] or empty.
  explicit Linear(WeightOf<B> w, Vec<B> bias = {}) : w_(w), bias_(bias) {}

  /// y = act(x w^T + bias + beta * y); the epilogue's own bias must be empty.
  template <class E>
    requires GemmOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> x, Out<B> y, EpilogueOf<B> epilogue = {}) const {
    epilogue.bias = bias_;
    be.gemm(x, w_, y, epilogue);
  }

  const WeightOf<B>& weight() const { return w_; }
  const Vec<B>& bias() const { return bias_; }
  index_t in() const { return w_.cols(); }
  index_t out() const { return w_.rows(); }

 private:
  WeightOf<B> w_;
  Vec<B> bias_;
};

}  // namespace proxyv::inline v0
