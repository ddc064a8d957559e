// The kernels of the portable level: Eigen's packets, as wide as what the program is compiled for.
#pragma once

#include "proxyv/eigen/gate.hpp"
#include "proxyv/eigen/gather.hpp"
#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/kernels.hpp"
#include "proxyv/eigen/norm.hpp"
#include "proxyv/eigen/rope.hpp"
#include "proxyv/eigen/softmax.hpp"
#include "proxyv/eigen/weighted_sum.hpp"

namespace proxyv::inline v0 {
namespace detail {
namespace portable {

#include "proxyv/eigen/level/table.inl"

}  // namespace portable
}  // namespace detail
}  // namespace proxyv::inline v0
