// A page in ink, before it is photographed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "page.hpp"

namespace receipts {

/// Ink on paper, several samples per dot, 0 = bare, 255 = full.
class InkSheet {
 public:
  static constexpr int samples_per_dot = 3;

  explicit InkSheet(const Page& page)
      : width_{paper_width * samples_per_dot},
        height_{page.height * samples_per_dot},
        ink_(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_)) {
    for (const Type& type : page.types) {
      for_each_dot(type.character, page.font,
                   [&](int x, int y) { fill_dot(type.x + x, type.y - page.font.height() + y); });
    }
    for (const Rule& rule : page.rules) {
      for (int x = 0; x < column_width; ++x) {
        if (!rule.dashed || x % 6 < 3) {
          fill_dot(paper_margin + x, rule.y);
        }
      }
    }
  }

  /// Running means of three samples, `times` times along each axis.
  void blur(int times) {
    for (int i = 0; i < times; ++i) {
      blur_along(1);
      blur_along(static_cast<std::size_t>(width_));
    }
  }

  /// Ink at a point given in 1/256 samples, interpolated between the four samples around it.
  int at(int x, int y) const {
    const int column = x >> 8;
    const int row = y >> 8;
    if (column < 0 || row < 0 || column + 1 >= width_ || row + 1 >= height_) {
      return 0;
    }
    const int fx = x & 255;
    const int fy = y & 255;
    const std::size_t i = offset(column, row);
    const std::size_t below = i + static_cast<std::size_t>(width_);
    const int upper = ink_[i] * (256 - fx) + ink_[i + 1] * fx;
    const int lower = ink_[below] * (256 - fx) + ink_[below + 1] * fx;
    return (upper * (256 - fy) + lower * fy) >> 16;
  }

  int width() const { return width_; }
  int height() const { return height_; }

 private:
  std::size_t offset(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(column);
  }

  void fill_dot(int x, int y) {
    for (int row = 0; row < samples_per_dot; ++row) {
      std::fill_n(
          ink_.begin() + static_cast<std::ptrdiff_t>(offset(x * samples_per_dot, y * samples_per_dot + row)),
          samples_per_dot, std::uint8_t{255});
    }
  }

  /// The margins hold no ink, so wrapping at the ends of rows does not matter.
  void blur_along(std::size_t stride) {
    const std::vector<std::uint8_t> before = ink_;
    for (std::size_t i = stride; i + stride < ink_.size(); ++i) {
      ink_[i] = static_cast<std::uint8_t>((before[i - stride] + before[i] + before[i + stride] + 1) / 3);
    }
  }

  int width_;
  int height_;
  std::vector<std::uint8_t> ink_;
};

}  // namespace receipts
