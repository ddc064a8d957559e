// Image: an RGB picture in memory, and cutting and pasting.
//
// No file formats (image_file.hpp), no scaling (resize.hpp). Eight bits per channel, three
// channels, rows from top to bottom without gaps.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// Red, green, blue.
using Rgb = std::array<std::uint8_t, 3>;

/// A width x height picture; owns its pixels. Default-constructed or moved-from, it is 0 x 0.
class Image {
 public:
  static constexpr index_t channels = 3;
  /// Longest side that an Image may have; keeps every product of sizes far from overflow.
  static constexpr index_t max_side = index_t{1} << 24;

  Image() = default;
  /// All pixels `colour`. Throws ArgumentError unless both sides are in 1..max_side.
  Image(index_t width, index_t height, Rgb colour = {0, 0, 0})
      : width_(width), height_(height), pixels_(checked_bytes(width, height)) {
    fill(colour);
  }
  /// Takes over `pixels`: width * height * 3 bytes, r g b r g b ..., top row first.
  /// Throws ArgumentError for sides outside 1..max_side or another number of bytes.
  static Image from_pixels(index_t width, index_t height, std::vector<std::uint8_t> pixels) {
    const std::size_t wanted = checked_bytes(width, height);
    PROXYV_CHECK(pixels.size() == wanted, ArgumentError, "Image: ", width, " x ", height, " wants ", wanted,
                 " bytes, found ", pixels.size());
    Image out;
    out.width_ = width;
    out.height_ = height;
    out.pixels_ = std::move(pixels);
    return out;
  }

  Image(const Image&) = default;
  Image& operator=(const Image&) = default;
  Image(Image&& other) noexcept { swap(other); }
  Image& operator=(Image&& other) noexcept {
    Image(std::move(other)).swap(*this);
    return *this;
  }
  ~Image() = default;

  void swap(Image& other) noexcept {
    std::swap(width_, other.width_);
    std::swap(height_, other.height_);
    pixels_.swap(other.pixels_);
  }

  index_t width() const { return width_; }
  index_t height() const { return height_; }
  bool empty() const { return pixels_.empty(); }

  /// All bytes, row by row.
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }

  /// The 3 * width bytes of row y.
  std::uint8_t* row(index_t y) { return pixels_.data() + offset(0, y); }
  const std::uint8_t* row(index_t y) const { return pixels_.data() + offset(0, y); }

  Rgb at(index_t x, index_t y) const {
    const std::size_t i = offset(x, y);
    return {pixels_[i], pixels_[i + 1], pixels_[i + 2]};
  }
  void set(index_t x, index_t y, Rgb colour) {
    const std::size_t i = offset(x, y);
    for (std::size_t c = 0; c < colour.size(); ++c) pixels_[i + c] = colour[c];
  }

  friend bool operator==(const Image& a, const Image& b) {
    return a.width_ == b.width_ && a.height_ == b.height_ && a.pixels_ == b.pixels_;
  }

 private:
  static std::size_t checked_bytes(index_t width, index_t height) {
    PROXYV_CHECK(width >= 1 && height >= 1 && width <= max_side && height <= max_side, ArgumentError,
                 "Image: sides must be in 1..", max_side, ", found ", width, " x ", height);
    return byte_count(width * height, channels, "Image");
  }
  std::size_t offset(index_t x, index_t y) const {
    PROXYV_ASSERT(x >= 0 && x < width_ && y >= 0 && y < height_);
    return static_cast<std::size_t>((y * width_ + x) * channels);
  }
  void fill(Rgb colour) {
    if (colour == Rgb{}) return;
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = colour[i % colour.size()];
  }

  index_t width_ = 0;
  index_t height_ = 0;
  std::vector<std::uint8_t> pixels_;
};

/// The width x height part whose top left corner is (x, y).
/// Throws ArgumentError when it is empty or reaches outside the image.
inline Image crop(const Image& image, index_t x, index_t y, index_t width, index_t height) {
  PROXYV_CHECK(x >= 0 && y >= 0 && width >= 1 && height >= 1 && x <= image.width() && y <= image.height() &&
                   width <= image.width() - x && height <= image.height() - y,
               ArgumentError, "crop: ", width, " x ", height, " at (", x, ", ", y, ") of an image of ",
               image.width(), " x ", image.height());
  Image out(width, height);
  for (index_t row = 0; row < height; ++row) {
    std::copy_n(image.row(y + row) + x * Image::channels, width * Image::channels, out.row(row));
  }
  return out;
}

/// Copies `image` onto `canvas`, its top left corner at (x, y).
/// Throws ArgumentError when it does not fit or both are the same object.
inline void paste(Image& canvas, const Image& image, index_t x, index_t y) {
  PROXYV_CHECK(&canvas != &image, ArgumentError, "paste: canvas and image are the same object");
  PROXYV_CHECK(x >= 0 && y >= 0 && x <= canvas.width() && y <= canvas.height() &&
                   image.width() <= canvas.width() - x && image.height() <= canvas.height() - y,
               ArgumentError, "paste: ", image.width(), " x ", image.height(), " at (", x, ", ", y,
               ") onto a canvas of ", canvas.width(), " x ", canvas.height());
  for (index_t row = 0; row < image.height(); ++row) {
    std::copy_n(image.row(row), image.width() * Image::channels, canvas.row(y + row) + x * Image::channels);
  }
}

}  // namespace proxyv::inline v0
