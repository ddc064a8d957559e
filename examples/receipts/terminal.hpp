// A picture as text: one braille character for 2 x 4 pixels, dark ones dotted.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "proxyv/vision/image.hpp"

namespace receipts {

/// Brightness of every pixel, and its mean over a window around it: ink is what is clearly darker
/// than its neighbourhood, whatever the light on the table.
class Ink {
 public:
  explicit Ink(const proxyv::Image& image) : width_(image.width()), height_(image.height()) {
    sums_.assign(static_cast<std::size_t>((width_ + 1) * (height_ + 1)), 0);
    for (proxyv::index_t y = 0; y < height_; ++y) {
      for (proxyv::index_t x = 0; x < width_; ++x) {
        const std::uint8_t* p = image.row(y) + 3 * x;
        sum(x + 1, y + 1) = p[0] + p[1] + p[2] + sum(x, y + 1) + sum(x + 1, y) - sum(x, y);
      }
    }
  }

  bool dark(proxyv::index_t x, proxyv::index_t y) const {
    if (x >= width_ || y >= height_) return false;
    return mean(x, y, 0) * 100 < mean(x, y, 7) * 82;
  }

 private:
  std::int64_t& sum(proxyv::index_t x, proxyv::index_t y) { return sums_[static_cast<std::size_t>(y * (width_ + 1) + x)]; }
  std::int64_t sum(proxyv::index_t x, proxyv::index_t y) const { return sums_[static_cast<std::size_t>(y * (width_ + 1) + x)]; }

  std::int64_t mean(proxyv::index_t x, proxyv::index_t y, proxyv::index_t radius) const {
    const auto left = std::max<proxyv::index_t>(x - radius, 0), top = std::max<proxyv::index_t>(y - radius, 0);
    const auto right = std::min(x + radius + 1, width_), bottom = std::min(y + radius + 1, height_);
    const std::int64_t all = sum(right, bottom) - sum(left, bottom) - sum(right, top) + sum(left, top);
    return all / ((right - left) * (bottom - top));
  }

  proxyv::index_t width_, height_;
  std::vector<std::int64_t> sums_;
};

inline std::string braille(const proxyv::Image& image) {
  static constexpr std::array<std::array<int, 2>, 4> bit{{{0, 3}, {1, 4}, {2, 5}, {6, 7}}};
  const Ink ink(image);
  std::string out;
  for (proxyv::index_t y = 0; y < image.height(); y += 4) {
    for (proxyv::index_t x = 0; x < image.width(); x += 2) {
      unsigned dots = 0;
      for (proxyv::index_t dy = 0; dy < 4; ++dy)
        for (proxyv::index_t dx = 0; dx < 2; ++dx)
          if (ink.dark(x + dx, y + dy)) dots |= 1u << bit[static_cast<std::size_t>(dy)][static_cast<std::size_t>(dx)];
      const unsigned code = 0x2800u + dots;  // three bytes of UTF-8
      out += static_cast<char>(0xe0u | (code >> 12));
      out += static_cast<char>(0x80u | ((code >> 6) & 0x3fu));
      out += static_cast<char>(0x80u | (code & 0x3fu));
    }
    out += '\n';
  }
  return out;
}

}  // namespace receipts
