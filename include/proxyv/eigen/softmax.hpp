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

// What rarely happens, once for all levels.

/// The first that is not a number, or the end.
[[gnu::cold, gnu::noinline]] inline const float* first_nan(const float* x, index_t n) {
  for (const float* end = x + n; x != end && !std::isnan(*x);) ++x;
  return x;
}

/// Softmax of a row without a score above -infinity: NaN where it is visible.
[[gnu::cold, gnu::noinline]] inline void softmax_of_nothing(float* y, index_t n, const std::uint8_t* table,
                                                            EmptyRow empty) {
  const bool nothing = table != nullptr && std::count(table, table + n, std::uint8_t{0}) == n;
  const float blank = nothing && empty == EmptyRow::uniform ? 1.f / static_cast<float>(n) : 0.f;
  for (index_t j = 0; j < n; ++j)
    y[j] = table == nullptr || table[j] != 0 ? std::numeric_limits<float>::quiet_NaN() : blank;
}

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
