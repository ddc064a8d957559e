// Pooling of crops to proxies, and proxies copied back to the tokens they stand for.
#pragma once

#include <algorithm>

#include "proxyv/backend/grid.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// Where output i of a bilinear reduction reads: half-pixel centres, no antialiasing.
struct Taps {
  index_t low, high;
  float part;  ///< weight of `high`

  Taps(index_t i, index_t factor, index_t side) {
    const double source = std::max((static_cast<double>(i) + 0.5) * static_cast<double>(factor) - 0.5, 0.0);
    low = static_cast<index_t>(source);
    high = std::min(low + 1, side - 1);
    part = static_cast<float>(source - static_cast<double>(low));
  }
};

template <class DefinedIn>
void CpuOps<DefinedIn>::bilinear_pool(View<const float> x, View<float> y, const Grid& grid, Team threads) {
  const index_t side = grid.side, out = grid.pooled_side();
  each_row(threads, y.rows(), 4 * y.cols(), [&](index_t row) {
    const index_t crop = row / (out * out);
    const Taps v(row / out % out, grid.factor, side), h(row % out, grid.factor, side);
    const float* top = x.row((crop * side + v.low) * side);
    const float* bottom = x.row((crop * side + v.high) * side);
    const index_t left = h.low * x.stride(), right = h.high * x.stride();
    const Packet l = splat(1.f - h.part), r = splat(h.part), t = splat(1.f - v.part), b = splat(v.part);
    float* to = y.row(row);
    each_packet(y.cols(), [&](index_t k, auto n) {
      const Packet upper = madd(load(top + left + k, n), l, ei::pmul(load(top + right + k, n), r));
      const Packet lower = madd(load(bottom + left + k, n), l, ei::pmul(load(bottom + right + k, n), r));
      store(to + k, madd(upper, t, ei::pmul(lower, b)), n);
    });
  });
}

template <class DefinedIn>
void CpuOps<DefinedIn>::upsample(View<const float> x, View<float> y, const Grid& grid, Team threads) {
  const index_t side = grid.side, small = grid.pooled_side(), factor = grid.factor;
  each_row(threads, y.rows(), y.cols(), [&](index_t row) {
    const index_t crop = row / (side * side), i = row / side % side, j = row % side;
    std::copy_n(x.row((crop * small + i / factor) * small + j / factor), x.cols(), y.row(row));
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
