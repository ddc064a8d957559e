// Bicubic scaling, byte for byte what Pillow's Image.resize does with RGB images.
//
// Models were trained on pictures that Pillow scaled, so its arithmetic is the specification:
// weights in double precision, made into fixed-point numbers of 22 fraction bits, one pass along
// the rows with its result rounded to bytes, then one along the columns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/vision/image.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// Fixed-point weights: 32 bits less 8 for a byte and 2 for overshoot.
inline constexpr int resize_bits = 32 - 8 - 2;

/// A product that no compiler fuses with the addition after it, so that -march=native changes no weight.
inline double rounded(double product) {
  volatile double value = product;
  return value;
}

/// The cubic convolution kernel, a = -0.5.
inline double bicubic_kernel(double x) {
  x = std::abs(x);
  if (x < 1.0) return rounded(rounded((rounded(1.5 * x) - 2.5) * x) * x) + 1;
  if (x < 2.0) return (rounded((rounded((x - 5) * x) + 8) * x) - 4) * -0.5;
  return 0.0;
}

/// For each output sample a run of input samples and their weights.
struct ResizeTaps {
  struct Run {
    index_t first;  ///< input sample
    index_t count;
    std::size_t weight;  ///< index of the first weight
  };
  std::vector<Run> runs;
  std::vector<std::int32_t> weights;
};

/// Taps that scale n_in samples to n_out. The kernel widens when shrinking (antialiasing).
inline ResizeTaps bicubic_taps(index_t n_in, index_t n_out) {
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  const double inverse = 1.0 / filter_scale;
  ResizeTaps taps;
  taps.runs.reserve(static_cast<std::size_t>(n_out));
  std::vector<double> exact;
  for (index_t i = 0; i < n_out; ++i) {
    const double center = rounded((static_cast<double>(i) + 0.5) * scale);
    const index_t first = std::max<index_t>(static_cast<index_t>(center - support + 0.5), 0);
    const index_t last = std::min<index_t>(static_cast<index_t>(center + support + 0.5), n_in);
    exact.clear();
    double sum = 0.0;
    for (index_t j = first; j < last; ++j) {
      exact.push_back(bicubic_kernel((static_cast<double>(j) - center + 0.5) * inverse));
      sum += exact.back();
    }
    taps.runs.push_back({first, last - first, taps.weights.size()});
    for (const double weight : exact) {
      const double share = sum != 0.0 ? weight / sum : weight;
      const double half = share < 0 ? -0.5 : 0.5;
      taps.weights.push_back(static_cast<std::int32_t>(half + share * (1 << resize_bits)));
    }
  }
  return taps;
}

inline std::uint8_t clip_to_byte(std::int32_t fixed) {
  return static_cast<std::uint8_t>(std::clamp(fixed >> resize_bits, 0, 255));
}

/// Output pixels [begin, end) of one row scaled along x.
inline void resize_row(const std::uint8_t* in, const ResizeTaps& taps, index_t begin, index_t end,
                       std::uint8_t* out) {
  for (index_t x = begin; x < end; ++x) {
    const ResizeTaps::Run& run = taps.runs[static_cast<std::size_t>(x)];
    std::int32_t sum[3];
    std::fill(sum, sum + 3, 1 << (resize_bits - 1));
    const std::int32_t* weight = taps.weights.data() + run.weight;
    const std::uint8_t* pixel = in + run.first * Image::channels;
    for (index_t j = 0; j < run.count; ++j, pixel += Image::channels) {
      for (int c = 0; c < 3; ++c) sum[c] += weight[j] * pixel[c];
    }
    for (int c = 0; c < 3; ++c) out[x * Image::channels + c] = clip_to_byte(sum[c]);
  }
}

inline Image resize_columns(const Image& in, index_t height) {
  const ResizeTaps taps = bicubic_taps(in.height(), height);
  Image out(in.width(), height);
  const auto bytes = static_cast<std::size_t>(in.width() * Image::channels);
  std::vector<std::int32_t> sum(bytes);
  for (index_t y = 0; y < height; ++y) {
    const ResizeTaps::Run& run = taps.runs[static_cast<std::size_t>(y)];
    std::fill(sum.begin(), sum.end(), 1 << (resize_bits - 1));
    for (index_t j = 0; j < run.count; ++j) {
      const std::int32_t weight = taps.weights[run.weight + static_cast<std::size_t>(j)];
      const std::uint8_t* row = in.row(run.first + j);
      for (std::size_t i = 0; i < bytes; ++i) sum[i] += weight * row[i];
    }
    std::uint8_t* row = out.row(y);
    for (std::size_t i = 0; i < bytes; ++i) row[i] = clip_to_byte(sum[i]);
  }
  return out;
}

}  // namespace detail

/// Scales an image to width x height, equal to Pillow's resize((width, height)) byte for byte.
///
/// An image that already has that size is copied. Throws ArgumentError for an empty image or a
/// side outside 1..Image::max_side. Scratch: width x image.height() pixels.
/// Source: Pillow, Image.resize with Resampling.BICUBIC (its default).
inline Image resize_bicubic(const Image& image, index_t width, index_t height) {
  PROXYV_CHECK(!image.empty(), ArgumentError, "resize_bicubic: the image is empty");
  PROXYV_CHECK(width >= 1 && height >= 1 && width <= Image::max_side && height <= Image::max_side,
               ArgumentError, "resize_bicubic: sides must be in 1..", Image::max_side, ", found ", width,
               " x ", height);
  if (width == image.width()) {
    return height == image.height() ? image : detail::resize_columns(image, height);
  }
  const detail::ResizeTaps taps = detail::bicubic_taps(image.width(), width);
  Image narrow(width, image.height());
  for (index_t y = 0; y < image.height(); ++y) {
    detail::resize_row(image.row(y), taps, 0, width, narrow.row(y));
  }
  return height == image.height() ? narrow : detail::resize_columns(narrow, height);
}

}  // namespace proxyv::inline v0
