// The multimodal projector: from the vision encoder's features to the decoder's width.
#pragma once

#include "proxyv/layers/linear.hpp"

namespace proxyv::inline v0 {

/// Windows into the projector's weights.
template <class B>
struct ProjectorWeights {
  WeightOf<B> first;   ///< [hidden, features]
  Vec<B> first_bias;
  WeightOf<B> second;  ///< [hidden, hidden]
  Vec<B> second_bias;
};

template <class B, class Visitor>
void for_each_tensor(index_t features, index_t hidden, ProjectorWeights<B>& w, Visitor&& visit) {
  visit.matrix("model.mm_projector.0.weight", w.first, hidden, features);
  visit.vector("model.mm_projector.0.bias", w.first_bias, hidden);
  visit.matrix("model.mm_projector.2.weight", w.second, hidden, hidden);
  visit.vector("model.mm_projector.2.bias", w.second_bias, hidden);
}

/// `mlp2x_gelu`: Linear, GELU (by erf), Linear. Source: multimodal_projector/builder.py of LLaVA.
template <class B>
class Projector {
 public:
  explicit Projector(const ProjectorWeights<B>& w) : first_(w.first, w.first_bias), second_(w.second, w.second_bias) {}

  /// features [n, features] in; tokens [n, hidden] out, apart from features.
  template <class E>
    requires GemmOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> features, Out<B> tokens) const {
    auto frame = be.frame();
    auto inner = frame.matrix(features.rows(), first_.out());
    first_(be, features, inner, {.act = Act::gelu});
    second_(be, inner, tokens);
  }

 private:
  Linear<B> first_, second_;
};

}  // namespace proxyv::inline v0
