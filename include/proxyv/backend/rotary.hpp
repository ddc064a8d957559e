// Rotary position embedding: what an engine needs to know to build its table.
#pragma once

#include <cmath>

#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// Rotary embedding in the halves convention: element i of the first half of a head turns together
/// with element i of the second half, by position * theta^(-2i/head_dim).
struct Rotary {
  index_t head_dim = 0;
  double theta = 10000.0;

  /// Angle per position of pair i, 0 <= i < head_dim / 2.
  double frequency(index_t i) const {
    return std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
  }
};

}  // namespace proxyv::inline v0
