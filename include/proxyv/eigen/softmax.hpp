// Softmax: of whole rows, and one online step of attention.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "proxyv/backend/mask.hpp"
#include "proxyv/eigen/activation.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// Attention takes its softmax in powers of two: scores are scaled by log2(e) as well.
inline constexpr float log2e = 1.44269504f;

/// The running state of one query's softmax: the largest score so far, and the sum relative to it.
struct OnlineRow {
  float top = minus_infinity;
  float sum = 0.f;

  /// What weights are relative to; before the first visible key any number does.
  float reference() const { return top == minus_infinity ? 0.f : top; }
};

#include "proxyv/eigen/level/softmax.inl"

template <class DefinedIn>
void CpuOps<DefinedIn>::softmax_rows(const CpuKernels& k, View<const float> x, View<float> y, float scale,
                                     View<const std::uint8_t> table, EmptyRow empty, Team threads) {
  each_row(threads, x.rows(), 8 * x.cols(), [&](index_t i) {
    k.softmax_row(x.row(i), y.row(i), x.cols(), scale, table.empty() ? nullptr : table.row(i), empty);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
