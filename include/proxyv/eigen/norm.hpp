// Root-mean-square and layer normalisation of rows.
#pragma once

#include <cmath>

#include "proxyv/core/view.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

#include "proxyv/eigen/level/norm.inl"

template <class DefinedIn>
void CpuOps<DefinedIn>::rms_norm(const CpuKernels& k, View<const float> x, Span<const float> gain,
                                 View<float> y, float eps, Team threads) {
  each_row(threads, x.rows(), x.cols(),
           [&](index_t i) { k.rms_norm_row(x.row(i), gain.data(), y.row(i), x.cols(), eps); });
}

template <class DefinedIn>
void CpuOps<DefinedIn>::layer_norm(const CpuKernels& k, View<const float> x, Span<const float> gain,
                                   Span<const float> bias, View<float> y, float eps, Team threads) {
  each_row(threads, x.rows(), x.cols(),
           [&](index_t i) { k.layer_norm_row(x.row(i), gain.data(), bias.data(), y.row(i), x.cols(), eps); });
}

}  // namespace detail
}  // namespace proxyv::inline v0
