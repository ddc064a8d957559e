// Rotary embedding: the table in double precision, the rotation in packets.
#pragma once

#include <cmath>

#include "proxyv/backend/rotary.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// table [positions, head_dim]: cosines, then sines. Pairs are dealt to threads: a frequency is computed
/// once.
template <class DefinedIn>
void CpuOps<DefinedIn>::rotary_table(Span<const std::int32_t> positions, const Rotary& rotary,
                                     View<float> table, Team threads) {
  const index_t half = rotary.head_dim / 2;
  each_row(threads, half, 32 * positions.size(), [&](index_t j) {
    const double frequency = rotary.frequency(j);
    for (index_t i = 0; i < positions.size(); ++i) {
      const double angle = static_cast<double>(positions[i]) * frequency;
      table(i, j) = static_cast<float>(std::cos(angle) * rotary.amplitude());
      table(i, half + j) = static_cast<float>(std::sin(angle) * rotary.amplitude());
    }
  });
}

#include "proxyv/eigen/level/rope.inl"

template <class DefinedIn>
void CpuOps<DefinedIn>::rotate(const CpuKernels& k, View<float> x, View<const float> table, Team threads) {
  const index_t dim = table.cols();
  each_row(threads, x.rows(), x.cols(), [&](index_t i) {
    for (index_t head = 0; head < x.cols(); head += dim)
      k.rotate_head(x.row(i) + head, table.row(i), table.row(i) + dim / 2, dim / 2);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
