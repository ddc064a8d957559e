// ImageProcessor: from a picture to the rows that the vision encoder's patch embedding multiplies.
//
// Crops first (AnyRes, padded or squashed), then CLIP's normalisation, then patches. All on the
// host and without weights, so crops can be counted before a model is loaded.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/vision/anyres.hpp"
#include "proxyv/vision/image.hpp"
#include "proxyv/vision/resize.hpp"

namespace proxyv::inline v0 {

/// How a picture becomes crops.
enum class ImageAspect {
  anyres,  ///< base crop and a grid of crops
  pad,     ///< one crop: made square with the mean colour, then scaled
  resize,  ///< one crop: squashed
  centre,  ///< one crop: the shorter side scaled to it, the middle of the longer one kept
};

/// The picture made square, centred on `colour`, and scaled to side x side.
///
/// Equal to Pillow's paste on a square and resize; the square itself is never in memory.
/// Throws ArgumentError for an empty image or a side outside 1..Image::max_side.
/// Source: expand2square, llava/mm_utils.py.
inline Image pad_and_resize(const Image& image, index_t side, Rgb colour) {
  PROXYV_CHECK(!image.empty(), ArgumentError, "pad_and_resize: the image is empty");
  PROXYV_CHECK(side >= 1 && side <= Image::max_side, ArgumentError, "pad_and_resize: side must be in 1..",
               Image::max_side, ", found ", side);
  const index_t square = std::max(image.width(), image.height());
  const index_t left = (square - image.width()) / 2, top = (square - image.height()) / 2;
  if (square == side) {
    Image out(side, side, colour);
    paste(out, image, left, top);
    return out;
  }
  // Along the rows only outputs that see a pixel of the image differ from those of an empty row.
  const detail::ResizeTaps taps = detail::bicubic_taps(square, side);
  Image row(square, 1, colour), empty_row(side, 1), narrow(side, square);
  detail::resize_row(row.row(0), taps, 0, side, empty_row.row(0));
  const auto misses_left = [&](const auto& run) { return run.first + run.count <= left; };
  const auto before_right = [&](const auto& run) { return run.first < left + image.width(); };
  const auto begin = std::partition_point(taps.runs.begin(), taps.runs.end(), misses_left);
  const auto end = std::partition_point(begin, taps.runs.end(), before_right);
  for (index_t y = 0; y < square; ++y) {
    paste(narrow, empty_row, 0, y);
    if (y < top || y >= top + image.height()) continue;
    std::copy_n(image.row(y - top), image.width() * Image::channels, row.row(0) + left * Image::channels);
    detail::resize_row(row.row(0), taps, begin - taps.runs.begin(), end - taps.runs.begin(), narrow.row(y));
  }
  return detail::resize_columns(narrow, side);
}

/// The picture scaled until its shorter side has `side` pixels, and the middle square of it.
/// Throws ArgumentError for an empty image, or one more than 64 times as long as wide.
/// Source: CLIPImageProcessor of Hugging Face transformers (resize to shortest edge, then center crop).
inline Image resize_and_centre(const Image& image, index_t side) {
  PROXYV_CHECK(!image.empty(), ArgumentError, "resize_and_centre: the image is empty");
  PROXYV_CHECK(side >= 1 && side <= Image::max_side, ArgumentError, "resize_and_centre: side must be in 1..",
               Image::max_side, ", found ", side);
  const index_t w = image.width(), h = image.height(), shorter = std::min(w, h);
  const index_t width = w == shorter ? side : side * w / shorter, height = h == shorter ? side : side * h / shorter;
  PROXYV_CHECK(std::max(w, h) / shorter <= 64 && std::max(width, height) <= Image::max_side, ArgumentError,
               "resize_and_centre: ", w, " x ", h, " pixels, wanted one side at most 64 times the other");
  const Image scaled = resize_bicubic(image, width, height);
  Image out(side, side);
  const index_t left = (width - side) / 2, top = (height - side) / 2;
  for (index_t y = 0; y < side; ++y)
    std::copy_n(scaled.row(top + y) + left * Image::channels, side * Image::channels, out.row(y));
  return out;
}

/// The preprocessing that a checkpoint was trained with.
struct ImageProcessor {
  index_t crop_size = 336;                                          ///< pixels
  index_t patch_size = 14;                                          ///< pixels, divides crop_size
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};  ///< of red, green, blue in 0..1
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};
  std::vector<Resolution> pinpoints{};  ///< candidate resolutions; only for ImageAspect::anyres
  ImageAspect aspect = ImageAspect::anyres;

  index_t patches_per_crop() const { return (crop_size / patch_size) * (crop_size / patch_size); }
  index_t values_per_patch() const { return Image::channels * patch_size * patch_size; }

  /// Throws ArgumentError naming the member that is out of range.
  void check() const {
    PROXYV_CHECK(crop_size >= 1 && crop_size <= 4096, ArgumentError,
                 "ImageProcessor: crop_size must be in 1..4096, found ", crop_size);
    PROXYV_CHECK(patch_size >= 1 && patch_size <= crop_size && crop_size % patch_size == 0, ArgumentError,
                 "ImageProcessor: patch_size must divide crop_size ", crop_size, ", found ", patch_size);
    for (const float m : mean) {
      PROXYV_CHECK(m >= 0.0f && m <= 1.0f, ArgumentError, "ImageProcessor: mean must be in 0..1, found ", m);
    }
    for (const float s : std) {
      PROXYV_CHECK(std::isfinite(s) && s > 0.0f, ArgumentError,
                   "ImageProcessor: std must be positive, found ", s);
    }
    if (aspect == ImageAspect::anyres) check_pinpoints(pinpoints, crop_size);
  }

  /// Crops that a width x height image will give.
  index_t count_crops(index_t width, index_t height) const {
    check();
    detail::check_image_size(width, height, "ImageProcessor");
    return aspect == ImageAspect::anyres ? proxyv::count_crops(width, height, pinpoints, crop_size) : 1;
  }

  /// The grid of crops behind the base crop; nothing by nothing where there is none.
  GridShape grid(index_t width, index_t height) const {
    if (count_crops(width, height) == 1) return {0, 0};
    return grid_shape(select_best_resolution(width, height, pinpoints), crop_size);
  }

  /// The crops of an image, each crop_size x crop_size, base crop first.
  /// Throws ArgumentError for an empty image or members out of range.
  std::vector<Image> crops(const Image& image) const {
    check();
    PROXYV_CHECK(!image.empty(), ArgumentError, "ImageProcessor: the image is empty");
    if (aspect == ImageAspect::anyres) return anyres_crops(image, pinpoints, crop_size);
    std::vector<Image> out;
    out.push_back(aspect == ImageAspect::pad      ? pad_and_resize(image, crop_size, mean_colour())
                  : aspect == ImageAspect::centre ? resize_and_centre(image, crop_size)
                                                  : resize_bicubic(image, crop_size, crop_size));
    return out;
  }

  /// Normalised patches of crops, ready for a gemm with the patch convolution's weight.
  /// out [crops * patches_per_crop(), values_per_patch()]   (pixel / 255 - mean) / std in f32
  /// Rows: crop by crop, patches in raster order. Columns: channel, then y, then x inside a patch.
  /// Throws ShapeError when `out` has another shape, ArgumentError for a crop of another size.
  void patches(std::span<const Image> crops, View<float> out) const;

  /// crops() and patches() in one.
  /// out [count_crops(width, height) * patches_per_crop(), values_per_patch()]
  void patches(const Image& image, View<float> out) const {
    const std::vector<Image> parts = crops(image);
    patches(std::span<const Image>(parts), out);
  }

 private:
  using Table = std::array<std::array<float, 256>, 3>;

  /// int(mean * 255), as the reference truncates it.
  Rgb mean_colour() const {
    Rgb colour{};
    for (std::size_t c = 0; c < 3; ++c) {
      colour[c] = static_cast<std::uint8_t>(static_cast<double>(mean[c]) * 255.0);
    }
    return colour;
  }

  /// Every byte's value per channel: scaled in double, then f32, as Hugging Face transformers does.
  Table normalised() const {
    Table table{};
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t value = 0; value < 256; ++value) {
        const auto scaled = static_cast<float>(static_cast<double>(value) * (1.0 / 255.0));
        table[c][value] = (scaled - mean[c]) / std[c];
      }
    }
    return table;
  }

  void write_crop(const Image& crop, const Table& table, View<float> out) const {
    const index_t across = crop_size / patch_size, plane = patch_size * patch_size;
    for (index_t y = 0; y < crop_size; ++y) {
      const std::uint8_t* pixel = crop.row(y);
      for (index_t x = 0; x < crop_size; ++x, pixel += Image::channels) {
        float* value =
            out.row(y / patch_size * across + x / patch_size) + y % patch_size * patch_size + x % patch_size;
        for (std::size_t c = 0; c < 3; ++c, value += plane) *value = table[c][pixel[c]];
      }
    }
  }
};

inline void ImageProcessor::patches(std::span<const Image> crops, View<float> out) const {
  check();
  const index_t per_crop = patches_per_crop();
  const index_t rows = element_count(static_cast<index_t>(crops.size()), per_crop, "ImageProcessor");
  PROXYV_CHECK(out.rows() == rows && out.cols() == values_per_patch(), ShapeError,
               "ImageProcessor: patches wanted ", shape_text(rows, values_per_patch()), ", found ",
               shape_text(out.rows(), out.cols()));
  PROXYV_CHECK(out.data() != nullptr || out.empty(), ShapeError, "ImageProcessor: patches: null data");
  for (const Image& crop : crops) {
    PROXYV_CHECK(crop.width() == crop_size && crop.height() == crop_size, ArgumentError,
                 "ImageProcessor: wanted crops of ", crop_size, " x ", crop_size, ", found ", crop.width(),
                 " x ", crop.height());
  }
  const Table table = normalised();
  for (std::size_t i = 0; i < crops.size(); ++i) {
    write_crop(crops[i], table, out.row_range(static_cast<index_t>(i) * per_crop, per_crop));
  }
}

}  // namespace proxyv::inline v0
