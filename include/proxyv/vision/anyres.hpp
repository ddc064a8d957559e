// AnyRes: which grid of crops an image gets, and the crops.
//
// The image is scaled to fit the best of some candidate resolutions, centred on black and cut
// into square crops; the whole image, squashed to one crop, goes first as the base crop. The
// arithmetic follows LLaVA's, whose double-precision roundings decide ties.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/vision/image.hpp"
#include "proxyv/vision/resize.hpp"

namespace proxyv::inline v0 {

/// A size in pixels.
struct Resolution {
  index_t width = 0;
  index_t height = 0;
  friend bool operator==(Resolution, Resolution) = default;
};

/// Crops across and down, the base crop not counted.
struct GridShape {
  index_t across = 0;
  index_t down = 0;
  friend bool operator==(GridShape, GridShape) = default;
};

/// Where the scaled image lies on its target resolution.
struct AnyresGeometry {
  index_t width = 0;  ///< of the scaled image
  index_t height = 0;
  index_t x = 0;  ///< of its top left corner
  index_t y = 0;
  friend bool operator==(AnyresGeometry, AnyresGeometry) = default;
};

namespace detail {

inline constexpr index_t max_pinpoints = 4096;
/// Largest target that is ever painted; the models use at most 6 x 6 crops of 512.
inline constexpr index_t max_target_pixels = index_t{1} << 27;

/// Reads the few kinds of text that pinpoints come in. Linear, no recursion.
class PinpointScanner {
 public:
  explicit PinpointScanner(std::string_view text) : text_(text) {}

  bool at_end() const { return place_ == text_.size(); }
  void advance() { ++place_; }
  void skip_space() {
    while (!at_end() && (text_[place_] == ' ' || text_[place_] == '\t' || text_[place_] == '\n')) ++place_;
  }
  bool take(char wanted) {
    if (at_end() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }
  bool take_token(char wanted) {
    skip_space();
    return take(wanted);
  }
  /// A run of decimal digits, at most Image::max_side.
  bool take_number(index_t& value) {
    const std::size_t begin = place_;
    value = 0;
    while (!at_end() && text_[place_] >= '0' && text_[place_] <= '9') {
      value = value * 10 + (text_[place_++] - '0');
      PROXYV_CHECK(value <= Image::max_side, ArgumentError, "image_grid_pinpoints: number above ",
                   Image::max_side);
    }
    return place_ != begin;
  }
  /// "(3x4)" as it stands; leaves its place alone when something else follows.
  bool take_range_end(Resolution& pair) {
    const std::size_t begin = place_;
    const bool found =
        take('(') && take_number(pair.width) && take('x') && take_number(pair.height) && take(')');
    if (!found) place_ = begin;
    return found;
  }
  /// "[336, 672]" or "(336, 672)".
  bool take_pair(Resolution& pair) {
    char closing = ']';
    if (!take_token('[')) {
      if (!take_token('(')) return false;
      closing = ')';
    }
    skip_space();
    if (!take_number(pair.width) || !take_token(',')) return false;
    skip_space();
    if (!take_number(pair.height)) return false;
    take_token(',');
    return take_token(closing);
  }

 private:
  std::string_view text_;
  std::size_t place_ = 0;
};

/// "(1x1),...,(6x6)": every crop count from the first pair to the last, widths in the outer loop.
inline std::vector<Resolution> range_pinpoints(std::string_view text, index_t crop) {
  PROXYV_CHECK(crop == 224 || crop == 336 || crop == 384 || crop == 448 || crop == 512, ArgumentError,
               "image_grid_pinpoints: a range needs crops of 224, 336, 384, 448 or 512 pixels, found ", crop);
  PinpointScanner scan(text);
  Resolution first, last, pair;
  bool found = false;
  while (!scan.at_end()) {
    if (scan.take_range_end(pair)) {
      if (!found) first = pair;
      last = pair;
      found = true;
    } else {
      scan.advance();
    }
  }
  PROXYV_CHECK(found && first.width <= last.width && first.height <= last.height, ArgumentError,
               "image_grid_pinpoints: wanted a range such as (1x1),...,(6x6) that goes up");
  const index_t wide = last.width - first.width + 1, high = last.height - first.height + 1;
  PROXYV_CHECK(wide <= max_pinpoints && high <= max_pinpoints && wide * high <= max_pinpoints, ArgumentError,
               "image_grid_pinpoints: ", wide, " x ", high, " candidates, at most ", max_pinpoints);
  std::vector<Resolution> out;
  for (index_t i = first.width; i <= last.width; ++i) {
    for (index_t j = first.height; j <= last.height; ++j) out.push_back({i * crop, j * crop});
  }
  return out;
}

/// "[[336, 672], (672, 336)]"
inline std::vector<Resolution> literal_pinpoints(std::string_view text) {
  PinpointScanner scan(text);
  const char closing = scan.take_token('[') ? ']' : ')';
  bool good = closing == ']' || scan.take_token('(');
  std::vector<Resolution> out;
  Resolution pair;
  bool comma = true;
  while (good && comma && scan.take_pair(pair)) {
    PROXYV_CHECK(static_cast<index_t>(out.size()) < max_pinpoints, ArgumentError,
                 "image_grid_pinpoints: more than ", max_pinpoints, " candidates");
    out.push_back(pair);
    comma = scan.take_token(',');
  }
  good = good && scan.take_token(closing);
  scan.skip_space();
  PROXYV_CHECK(good && scan.at_end() && !out.empty(), ArgumentError,
               "image_grid_pinpoints: wanted a list of pairs such as [[336, 672], [672, 336]]");
  return out;
}

inline void check_image_size(index_t width, index_t height, const char* what) {
  constexpr index_t most = std::numeric_limits<std::int32_t>::max();
  PROXYV_CHECK(width >= 1 && height >= 1 && width <= most && height <= most, ArgumentError, what,
               ": image sides must be in 1..", most, ", found ", width, " x ", height);
}

inline double ratio(index_t a, index_t b) { return static_cast<double>(a) / static_cast<double>(b); }

/// int(n * scale), truncated in double precision.
inline index_t scaled(index_t n, double scale) {
  return static_cast<index_t>(static_cast<double>(n) * scale);
}

inline index_t scaled_up(index_t n, double scale) {
  return static_cast<index_t>(std::ceil(static_cast<double>(n) * scale));
}

}  // namespace detail

/// The candidate resolutions that config.json's image_grid_pinpoints names, in search order.
///
/// With an 'x' the text is a range of crop counts such as "(1x1),...,(6x6)", times `crop`, which
/// must be 224, 336, 384, 448 or 512; otherwise a list of pixel pairs such as "[[336, 672]]".
/// Throws ArgumentError for anything else. Source: get_anyres_image_grid_shape, llava/mm_utils.py.
inline std::vector<Resolution> parse_grid_pinpoints(std::string_view text, index_t crop) {
  if (text.find('x') != std::string_view::npos) return detail::range_pinpoints(text, crop);
  return detail::literal_pinpoints(text);
}

/// The candidate that keeps most of a width x height image; then the one that wastes least; then
/// the earlier one. Throws ArgumentError for no candidates or sides outside 1..2^31-1.
/// Source: select_best_resolution, llava/mm_utils.py.
inline Resolution select_best_resolution(index_t width, index_t height,
                                         std::span<const Resolution> candidates) {
  detail::check_image_size(width, height, "select_best_resolution");
  PROXYV_CHECK(!candidates.empty(), ArgumentError, "select_best_resolution: no candidate resolutions");
  Resolution best;
  index_t best_kept = -1, best_waste = 0;
  for (const Resolution& candidate : candidates) {
    detail::check_image_size(candidate.width, candidate.height, "select_best_resolution: candidate");
    const double scale =
        std::min(detail::ratio(candidate.width, width), detail::ratio(candidate.height, height));
    const index_t area = detail::scaled(width, scale) * detail::scaled(height, scale);
    const index_t kept = std::min(area, width * height);
    const index_t waste = candidate.width * candidate.height - kept;
    if (kept > best_kept || (kept == best_kept && waste < best_waste)) {
      best = candidate;
      best_kept = kept;
      best_waste = waste;
    }
  }
  return best;
}

/// Whole crops across and down a resolution.
inline GridShape grid_shape(Resolution resolution, index_t crop) {
  PROXYV_CHECK(crop >= 1, ArgumentError, "grid_shape: crop size must be at least 1, found ", crop);
  return {resolution.width / crop, resolution.height / crop};
}

/// Where a width x height image goes on `target`: scaled to fit, the free side rounded up, centred.
/// Source: resize_and_pad_image, llava/mm_utils.py.
inline AnyresGeometry anyres_geometry(index_t width, index_t height, Resolution target) {
  detail::check_image_size(width, height, "anyres_geometry");
  detail::check_image_size(target.width, target.height, "anyres_geometry: target");
  const double across = detail::ratio(target.width, width), down = detail::ratio(target.height, height);
  AnyresGeometry out{target.width, target.height, 0, 0};
  if (across < down) {
    out.height = std::min(detail::scaled_up(height, across), target.height);
  } else {
    out.width = std::min(detail::scaled_up(width, down), target.width);
  }
  out.x = (target.width - out.width) / 2;
  out.y = (target.height - out.height) / 2;
  return out;
}

/// Throws ArgumentError unless every candidate is a whole number of crops and of a size that can be
/// painted.
inline void check_pinpoints(std::span<const Resolution> pinpoints, index_t crop) {
  PROXYV_CHECK(crop >= 1, ArgumentError, "image_grid_pinpoints: crop size must be at least 1, found ", crop);
  PROXYV_CHECK(!pinpoints.empty(), ArgumentError, "image_grid_pinpoints: no candidate resolutions");
  for (const auto& [width, height] : pinpoints) {
    PROXYV_CHECK(width >= crop && height >= crop && width % crop == 0 && height % crop == 0, ArgumentError,
                 "image_grid_pinpoints: sides must be multiples of the crop size ", crop, ", found ", width,
                 " x ", height);
    PROXYV_CHECK(width <= detail::max_target_pixels / height, ArgumentError, "image_grid_pinpoints: ", width,
                 " x ", height, " is above ", detail::max_target_pixels, " pixels");
  }
}

/// Crops that a width x height image gives: the base crop and its grid. Needs no weights and no pixels.
/// Throws ArgumentError for sides outside 1..2^31-1 or unusable pinpoints, see check_pinpoints.
inline index_t count_crops(index_t width, index_t height, std::span<const Resolution> pinpoints,
                           index_t crop) {
  check_pinpoints(pinpoints, crop);
  const GridShape grid = grid_shape(select_best_resolution(width, height, pinpoints), crop);
  return 1 + grid.across * grid.down;
}

/// The image scaled to fit `target` and centred on black.
inline Image resize_and_pad(const Image& image, Resolution target) {
  const AnyresGeometry place = anyres_geometry(image.width(), image.height(), target);
  Image scaled = resize_bicubic(image, place.width, place.height);
  if (place.width == target.width && place.height == target.height) return scaled;
  Image out(target.width, target.height);
  paste(out, scaled, place.x, place.y);
  return out;
}

/// The crop x crop squares of an image, left to right, then top to bottom.
/// Throws ArgumentError unless both sides are multiples of `crop`.
inline std::vector<Image> divide_to_crops(const Image& image, index_t crop_size) {
  PROXYV_CHECK(crop_size >= 1 && image.width() % crop_size == 0 && image.height() % crop_size == 0,
               ArgumentError, "divide_to_crops: ", image.width(), " x ", image.height(),
               " is not a multiple of ", crop_size);
  std::vector<Image> out;
  for (index_t y = 0; y < image.height(); y += crop_size) {
    for (index_t x = 0; x < image.width(); x += crop_size) {
      out.push_back(crop(image, x, y, crop_size, crop_size));
    }
  }
  return out;
}

/// All crops of an image: the whole of it squashed to crop x crop, then the grid in raster order.
/// Throws ArgumentError for an empty image or unusable pinpoints, see check_pinpoints.
/// Source: process_anyres_image, llava/mm_utils.py.
inline std::vector<Image> anyres_crops(const Image& image, std::span<const Resolution> pinpoints,
                                       index_t crop) {
  PROXYV_CHECK(!image.empty(), ArgumentError, "anyres_crops: the image is empty");
  check_pinpoints(pinpoints, crop);
  const Resolution target = select_best_resolution(image.width(), image.height(), pinpoints);
  std::vector<Image> out = divide_to_crops(resize_and_pad(image, target), crop);
  out.insert(out.begin(), resize_bicubic(image, crop, crop));
  return out;
}

}  // namespace proxyv::inline v0
