// What surrounds the text: the table, the light, the colours of paper and ink.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pose.hpp"
#include "rng.hpp"

namespace receipts {

/// The table top: stretched value noise over a base colour.
class Table {
 public:
  explicit Table(Rng& rng)
      : colour_{rng.between(60, 150), rng.between(45, 120), rng.between(30, 110)},
        key_{rng.bits()},
        amplitude_{rng.between(10, 40)},
        upright_{rng.chance(50)} {}

  std::array<int, 3> at(int x, int y) const {
    const int along = upright_ ? y : x;
    const int across = upright_ ? x : y;
    const int grain = (smooth(along, across * 5) - 128) * amplitude_ / 128;
    return {colour_[0] + grain, colour_[1] + grain, colour_[2] + grain};
  }

 private:
  int knot(int i, int j) const {
    return static_cast<int>(
        mix(key_ ^ (static_cast<std::uint64_t>(i) << 20) ^ static_cast<std::uint64_t>(j)) & 255);
  }

  /// Random values at every 32nd unit, interpolated in between.
  int smooth(int x, int y) const {
    const int i = x >> 5;
    const int j = y >> 5;
    const int fx = x & 31;
    const int fy = y & 31;
    const int upper = knot(i, j) * (32 - fx) + knot(i + 1, j) * fx;
    const int lower = knot(i, j + 1) * (32 - fx) + knot(i + 1, j + 1) * fx;
    return (upper * (32 - fy) + lower * fy) >> 10;
  }

  std::array<int, 3> colour_;
  std::uint64_t key_;
  int amplitude_;
  bool upright_;
};

/// Light that falls off towards one side, in 1/256.
class Light {
 public:
  explicit Light(Rng& rng)
      : level_{rng.between(205, 262)}, slope_x_{rng.between(-60, 60)}, slope_y_{rng.between(-60, 60)} {}

  int at(int x, int y) const {
    const int half = photo_side / 2;
    return level_ + (slope_x_ * (x - half) + slope_y_ * (y - half)) / photo_side;
  }

 private:
  int level_;
  int slope_x_;
  int slope_y_;
};

/// Colours of paper and ink.
struct Stationery {
  std::array<int, 3> paper;
  std::array<int, 3> ink;

  explicit Stationery(Rng& rng) {
    const int brightness = rng.between(215, 245);
    paper = {brightness, brightness - rng.between(0, 10), brightness - rng.between(0, 25)};
    const int depth = rng.between(15, 85);
    ink = {depth + rng.between(0, 15), depth + rng.between(0, 15), depth + rng.between(0, 35)};
  }

  std::array<int, 3> blend(int coverage) const {
    std::array<int, 3> out{};
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] = (paper[c] * (255 - coverage) + ink[c] * coverage) / 255;
    }
    return out;
  }
};

}  // namespace receipts
