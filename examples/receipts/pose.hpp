// How the paper lies in front of the camera.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "ink_sheet.hpp"
#include "rng.hpp"

namespace receipts {

inline constexpr int photo_side = 192;
inline constexpr int photo_channels = 3;

/// How the camera held still, and how far away: picture pixels <-> ink samples.
/// A turn by the slope t/65536 and a zoom; for such small turns 1/sqrt(1+t^2) is 1-t^2/2.
class Pose {
 public:
  Pose(Rng& rng, const InkSheet& sheet) {
    const int turn = rng.between(-3200, 3200);
    const int zoom = rng.between(267, 282);  // pixels per dot, in 1/256
    const int cosine = 65536 - turn * turn / 131072;
    step_x_ = cosine / zoom * InkSheet::samples_per_dot;
    step_y_ = turn / zoom * InkSheet::samples_per_dot;
    const int free_x = std::max(0, photo_side - sheet.width() / 3 * zoom / 256) / 2;
    const int free_y = std::max(0, photo_side - sheet.height() / 3 * zoom / 256) / 2;
    centre_x_ = photo_side * 128 + rng.between(-free_x * 256, free_x * 256) * 3 / 4;
    centre_y_ = photo_side * 128 + rng.between(-free_y * 256, free_y * 256) * 3 / 4;
    middle_x_ = sheet.width() * 128;
    middle_y_ = sheet.height() * 128;
  }

  /// Picture point to sheet point, both in 1/256.
  std::array<int, 2> to_sheet(int x, int y) const {
    const int dx = x - centre_x_;
    const int dy = y - centre_y_;
    return {middle_x_ + (step_x_ * dx + step_y_ * dy) / 256, middle_y_ + (step_x_ * dy - step_y_ * dx) / 256};
  }

  /// Sheet point to picture point, both in 1/256.
  std::array<int, 2> to_picture(int x, int y) const {
    const std::int64_t dx = x - middle_x_;
    const std::int64_t dy = y - middle_y_;
    const std::int64_t norm = std::int64_t{step_x_} * step_x_ + std::int64_t{step_y_} * step_y_;
    return {centre_x_ + static_cast<int>((step_x_ * dx - step_y_ * dy) * 256 / norm),
            centre_y_ + static_cast<int>((step_x_ * dy + step_y_ * dx) * 256 / norm)};
  }

 private:
  int step_x_;
  int step_y_;
  int centre_x_;
  int centre_y_;
  int middle_x_;
  int middle_y_;
};

}  // namespace receipts
