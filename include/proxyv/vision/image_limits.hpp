// ImageLimits: what a picture file may demand before any of its pixels is decoded.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// Caps on what a picture file may demand. They hold for the sizes that its header states.
struct ImageLimits {
  index_t max_pixels = index_t{64} << 20;  ///< width * height
  index_t max_side = 32768;                ///< of width and height each
  std::size_t max_file_bytes = std::size_t{256} << 20;
};

namespace detail {

/// Throws LoadError naming the file unless width x height is within the limits.
inline void check_image_limits(std::string_view name, index_t width, index_t height,
                               const ImageLimits& limits) {
  PROXYV_CHECK(width >= 1 && height >= 1, LoadError, name, ": image of ", width, " x ", height,
               " pixels is empty");
  PROXYV_CHECK(width <= limits.max_side && height <= limits.max_side, LoadError, name, ": image of ", width,
               " x ", height, " pixels, at most ", limits.max_side, " to a side");
  PROXYV_CHECK(width <= limits.max_pixels / height, LoadError, name, ": image of ", width, " x ", height,
               " pixels, at most ", limits.max_pixels, " in all");
}

}  // namespace detail
}  // namespace proxyv::inline v0
