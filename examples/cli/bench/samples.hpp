// Samples: times of the same thing, and what they say together.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "proxyv/core/error.hpp"

namespace bench {

/// Milliseconds, in the order measured.
struct Samples {
  std::vector<double> ms;

  bool empty() const { return ms.empty(); }
  /// Linear between the two nearest; part in 0..1.
  double quantile(double part) const { return quantile_of(ms, part); }
  double median() const { return quantile(0.5); }
  /// Half of what lies between the quartiles, as a share of the median.
  double spread() const { return (quantile(0.75) - quantile(0.25)) / 2.0 / median(); }
  /// How far the median of the second half (the second round) lies from that of the first: the same thing
  /// timed twice.
  double drift() const {
    if (ms.size() < 2) return 0.0;
    const auto middle = ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2);
    const double a = quantile_of({ms.begin(), middle}, 0.5), b = quantile_of({middle, ms.end()}, 0.5);
    return std::abs(a - b) / std::min(a, b);
  }

  /// Changes below this share are none.
  double noise() const { return std::max(spread(), drift()); }

 private:
  // Not inlined: GCC 12 then takes the copy's memory for memory that was never allocated.
  [[gnu::noinline]] static double quantile_of(std::vector<double> v, double part) {
    PROXYV_CHECK(!v.empty(), proxyv::ArgumentError, "Samples: nothing was measured");
    std::sort(v.begin(), v.end());
    const double place = part * static_cast<double>(v.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, v.size() - 1);
    return v[low] + (v[high] - v[low]) * (place - static_cast<double>(low));
  }
};

}  // namespace bench
