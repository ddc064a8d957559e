// The two norms: RMSNorm of the decoders, LayerNorm of the vision encoder.
#pragma once

#include "proxyv/backend/fused.hpp"

namespace proxyv::inline v0 {

/// y = x / sqrt(mean(x^2) + eps) * gain per row; y may be x.
template <class B>
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(Vec<B> gain, float eps) : gain_(gain), eps_(eps) {}

  template <class E>
    requires NormOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> x, Out<B> y) const {
    be.rms_norm(x, gain_, y, eps_);
  }

  Norm<B> norm() const { return {gain_, eps_}; }

 private:
  Vec<B> gain_;
  float eps_ = 0.f;
};

/// y = (x - mean) / sqrt(variance + eps) * gain + bias per row; y may be x.
template <class B>
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(Vec<B> gain, Vec<B> bias, float eps) : gain_(gain), bias_(bias), eps_(eps) {}

  template <class E>
    requires NormOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> x, Out<B> y) const {
    be.layer_norm(x, gain_, bias_, y, eps_);
  }

 private:
  Vec<B> gain_, bias_;
  float eps_ = 0.f;
};

}  // namespace proxyv::inline v0
