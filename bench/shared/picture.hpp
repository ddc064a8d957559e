// What a pipeline looks at: a picture of noise, and LLaVA's preprocessing for an encoder.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bench/shared/models.hpp"
#include "proxyv/vision/preprocess.hpp"

namespace bench_shared {

/// LLaVA's preprocessing for an encoder: AnyRes in crops of its size.
inline pv::ImageProcessor anyres_for(const pv::ClipConfig& clip) {
  pv::ImageProcessor p;
  p.crop_size = clip.image_size;
  p.patch_size = clip.patch_size;
  p.pinpoints = {{2 * clip.image_size, 2 * clip.image_size}};
  return p;
}

/// A picture of noise that gives five crops.
inline pv::Image noise_picture(const pv::ClipConfig& clip) {
  const index_t side = 2 * clip.image_size;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * side * side));
  std::uint32_t state = 1;
  for (std::uint8_t& p : pixels)
    p = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return pv::Image::from_pixels(side, side, std::move(pixels));
}

}  // namespace bench_shared
