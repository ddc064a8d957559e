// exp, and the activations of a gemm, on packets: a few units in the last place, NaN stays NaN.
#pragma once

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/eigen/packet.hpp"

namespace proxyv::inline v0 {
namespace detail {

#include "proxyv/eigen/level/activation.inl"

}  // namespace detail
}  // namespace proxyv::inline v0
