// What a gemm may do to its result: the closed set every engine computes, fused or not.
#pragma once

#include <cmath>

#include "proxyv/backend/types.hpp"

namespace proxyv::inline v0 {

/// Activation of a gemm.
enum class Act : std::uint8_t {
  none,
  silu,        ///< x * sigmoid(x)
  gelu,        ///< x * Phi(x), by erf
  quick_gelu,  ///< x * sigmoid(1.702 x), as CLIP
};

/// y = act(x w^T + bias + beta * y). `beta` is 0 (y may be uninitialised) or 1 (add to y).
template <class T, class Space>
struct Epilogue {
  Act act = Act::none;
  float beta = 0.f;
  Span<const T, Space> bias{};  ///< [cols of y] or empty
};

template <class B>
using EpilogueOf = Epilogue<Elem<B>, SpaceOf<B>>;

/// The activations, exact to float rounding; engines may use faster forms within their bound.
inline float activate(Act act, float x) {
  switch (act) {
    case Act::silu: return x / (1.f + std::exp(-x));
    case Act::gelu: return 0.5f * x * (1.f + std::erf(x * 0.70710678118654752f));
    case Act::quick_gelu: return x / (1.f + std::exp(-1.702f * x));
    case Act::none: break;
  }
  return x;
}

}  // namespace proxyv::inline v0
