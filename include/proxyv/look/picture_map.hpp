// From tokens back to the picture: where each crop's tokens lie, and values per token as values per pixel.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "proxyv/look/matrix.hpp"
#include "proxyv/vision/preprocess.hpp"

namespace proxyv::inline v0 {
namespace look {

/// The part of the picture that a crop shows, in the picture's pixels. Padding lies outside the picture.
struct CropPlace {
  double x = 0.0, y = 0.0, width = 0.0, height = 0.0;
};

/// Where each crop of a width x height picture lies, in the order of ImageProcessor::crops.
/// Throws ArgumentError as count_crops.
inline std::vector<CropPlace> crop_places(const ImageProcessor& processor, index_t width, index_t height) {
  processor.check();
  const auto w = static_cast<double>(width), h = static_cast<double>(height);
  if (processor.aspect == ImageAspect::pad) {
    const index_t square = std::max(width, height);
    return {{-static_cast<double>((square - width) / 2), -static_cast<double>((square - height) / 2),
             static_cast<double>(square), static_cast<double>(square)}};
  }
  std::vector<CropPlace> places{{0.0, 0.0, w, h}};
  if (processor.aspect == ImageAspect::resize) return places;
  const Resolution target = select_best_resolution(width, height, processor.pinpoints);
  const AnyresGeometry on = anyres_geometry(width, height, target);
  const double across = w / static_cast<double>(on.width), down = h / static_cast<double>(on.height);
  const auto side = static_cast<double>(processor.crop_size);
  for (index_t y = 0; y < target.height; y += processor.crop_size)
    for (index_t x = 0; x < target.width; x += processor.crop_size)
      places.push_back({static_cast<double>(x - on.x) * across, static_cast<double>(y - on.y) * down,
                        side * across, side * down});
  return places;
}

/// Spreads one value per token evenly over the token's part of the picture; crops that overlap add up.
/// What falls on padding is lost; all else is kept: the pixels' sum is the sum of the tokens that lie inside.
/// values [places * side^2] in, crop after crop along the rows of each raster; returns [height, width].
/// Throws ShapeError when the sizes do not fit.
inline Matrix<double> spread_over_picture(Span<const double> values, const std::vector<CropPlace>& places,
                                          index_t side, index_t width, index_t height) {
  PROXYV_CHECK(side > 0 && values.size() == static_cast<index_t>(places.size()) * side * side, ShapeError,
               "spread_over_picture: ", values.size(), " values for ", places.size(), " crops of ", side,
               " x ", side);
  Matrix<double> out(height, width);
  const auto n = static_cast<double>(side);
  const auto part = [](double begin, double end, index_t pixel) {  // of the pixel that lies in [begin, end)
    const auto p = static_cast<double>(pixel);
    return std::max(std::min(end, p + 1.0) - std::max(begin, p), 0.0);
  };
  const auto first = [](double v, index_t most) {
    return std::clamp(static_cast<index_t>(std::floor(v)), index_t{0}, most);
  };
  for (std::size_t c = 0; c < places.size(); ++c) {
    const CropPlace& place = places[c];
    const double w = place.width / n, h = place.height / n;
    for (index_t t = 0; t < side * side; ++t) {
      const double x0 = place.x + static_cast<double>(t % side) * w,
                   y0 = place.y + static_cast<double>(t / side) * h;
      const double density = values[static_cast<index_t>(c) * side * side + t] / (w * h);
      if (density == 0.0) continue;
      for (index_t y = first(y0, height); y < height && static_cast<double>(y) < y0 + h; ++y)
        for (index_t x = first(x0, width); x < width && static_cast<double>(x) < x0 + w; ++x)
          out(y, x) += density * part(x0, x0 + w, x) * part(y0, y0 + h, y);
    }
  }
  return out;
}

}  // namespace look
}  // namespace proxyv::inline v0
