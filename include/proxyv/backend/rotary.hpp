// Rotary position embedding: what an engine needs to know to build its table.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// How a model trained on short texts was stretched to longer ones: each pair of elements turns slower by its
/// own divisor, and every cosine and sine is multiplied by `amplitude`. All published forms come down to this;
/// model/rope_scaling.hpp makes them. Default: not stretched.
struct RotaryScaling {
  static constexpr index_t max_pairs = 256;

  index_t pairs = 0;                        ///< head_dim / 2, or 0: not stretched
  std::array<double, max_pairs> divisor{};  ///< [pairs] what frequencies are divided by
  double amplitude = 1.0;
  index_t max_positions = 0;                ///< the divisors hold for positions below this; 0: for all

  bool present() const { return pairs > 0; }
  friend bool operator==(const RotaryScaling&, const RotaryScaling&) = default;
};

/// Rotary embedding in the halves convention: element i of the first half of a head turns together
/// with element i of the second half, by position * frequency(i).
struct Rotary {
  index_t head_dim = 0;
  double theta = 10000.0;
  RotaryScaling scaling{};

  /// Angle per position of pair i, 0 <= i < head_dim / 2: theta^(-2i/head_dim), divided.
  double frequency(index_t i) const {
    const double plain = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    return scaling.present() ? plain / scaling.divisor[static_cast<std::size_t>(i)] : plain;
  }
  /// What cosines and sines are multiplied by.
  double amplitude() const { return scaling.amplitude; }
};

}  // namespace proxyv::inline v0
