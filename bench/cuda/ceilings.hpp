// What this card can do at most: the library's largest product and a copy far beyond the caches, as an op is
// measured. An op's share is of the time that these two allow it.
#pragma once

#include <algorithm>

#include "bench/cuda/measured_op.hpp"

namespace cuda_bench {

struct Ceilings {
  double gemm_flops = 0.0;  ///< per second
  double copy_bytes = 0.0;  ///< per second, read and written

  /// The least time in which this could be done, in milliseconds.
  double least_ms(const OpCost& cost) const {
    return 1e3 * std::max(cost.flops / gemm_flops, cost.bytes / copy_bytes);
  }
};

/// Measured once, when first asked for.
inline const Ceilings& ceilings() {
  static const Ceilings measured = [] {
    constexpr index_t side = 8192;
    Ceilings out;
    {
      Bench b;
      const auto x = b.tensor(side, side), y = b.tensor(side, side);
      const auto w = b.weight(side, side);
      const double n = static_cast<double>(side);
      out.gemm_flops =
          2e3 * n * n * n / median(times_of(b, {[=, &b] { b.be.gemm(x, w, y, {}); }}, 12, burst));
    }
    Bench b;
    const auto from = b.tensor(16 * 1024, side), to = b.tensor(16 * 1024, side);
    const double bytes = 2.0 * static_cast<double>(from.size()) * sizeof(Element);
    out.copy_bytes = 1e3 * bytes / median(times_of(b, {[=, &b] { b.be.copy(from, to); }}, 12, no_rest));
    return out;
  }();
  return measured;
}

}  // namespace cuda_bench
