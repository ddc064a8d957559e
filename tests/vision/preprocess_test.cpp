#include "proxyv/vision/preprocess.hpp"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::Image;
using proxyv::ImageAspect;
using proxyv::ImageProcessor;
using proxyv::index_t;
using proxyv::Rgb;
using proxyv::View;
using vision_test::Kind;
using vision_test::picture;

namespace {

struct Golden {
  Kind kind;
  index_t width, height;
  ImageAspect aspect;
  std::size_t crops;
  std::uint64_t pixels, rows;
};

// Printed by make_preprocess_golden.py with Pillow 12.0 and NumPy.
constexpr Golden goldens[] = {
    {Kind::noise, 60, 45, ImageAspect::anyres, 5, 0x76aea036ef870880u, 0x1ec5e3a3a1c2bffbu},
    {Kind::waves, 100, 30, ImageAspect::anyres, 4, 0xa5cfc9f95c565880u, 0x5889daf7b996931eu},
    {Kind::noise, 60, 45, ImageAspect::pad, 1, 0x01b53ff333f568bbu, 0x567463a9f8a1a3f6u},
    {Kind::waves, 31, 100, ImageAspect::pad, 1, 0x8d9a339585b2b9c1u, 0xa51db7fad9cfb5a4u},
    {Kind::noise, 60, 45, ImageAspect::resize, 1, 0x6bda58d0b7bbaae6u, 0x78359885241b6e8fu},
    {Kind::waves, 28, 28, ImageAspect::resize, 1, 0xbba5525a5ac7a90cu, 0xfd53b2538ac0dffeu},
};

ImageProcessor small_processor(ImageAspect aspect) {
  ImageProcessor out{.crop_size = 28, .patch_size = 14};
  out.aspect = aspect;
  out.pinpoints = {{28, 56}, {56, 28}, {56, 56}, {84, 28}, {28, 84}};
  return out;
}

std::vector<float> patches(const ImageProcessor& processor, const Image& image) {
  const index_t rows = processor.count_crops(image.width(), image.height()) * processor.patches_per_crop();
  std::vector<float> out(static_cast<std::size_t>(rows * processor.values_per_patch()));
  processor.patches(image, {out.data(), rows, processor.values_per_patch()});
  return out;
}

}  // namespace

TEST_CASE("ImageProcessor: bit for bit as Pillow and NumPy") {
  for (const Golden& g : goldens) {
    CAPTURE(static_cast<int>(g.kind), g.width, g.height, static_cast<int>(g.aspect));
    const ImageProcessor processor = small_processor(g.aspect);
    const Image image = picture(g.kind, g.width, g.height);
    const auto crops = processor.crops(image);
    CHECK(crops.size() == g.crops);
    CHECK(processor.count_crops(g.width, g.height) == static_cast<index_t>(g.crops));
    vision_test::Hash pixels;
    for (const Image& crop : crops) pixels.add(crop.pixels());
    CHECK(pixels.value() == g.pixels);
    const auto values = patches(processor, image);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
    CHECK(vision_test::Hash().add({bytes, values.size() * sizeof(float)}).value() == g.rows);
  }
}

TEST_CASE("the middle of a picture: the shorter side scaled, the longer one cut") {
  Image wide(40, 20), high(30, 90);
  for (index_t y = 0; y < 20; ++y)
    for (index_t x = 0; x < 40; ++x)
      wide.set(x, y, {static_cast<std::uint8_t>(6 * x), static_cast<std::uint8_t>(9 * y), 7});
  const auto same = proxyv::resize_and_centre(wide, 20);  // nothing to scale
  REQUIRE(same.width() == 20);
  REQUIRE(same.height() == 20);
  for (index_t y = 0; y < 20; ++y)
    for (index_t i = 0; i < 60; ++i) REQUIRE(same.row(y)[i] == wide.row(y)[30 + i]);
  const auto half = proxyv::resize_and_centre(wide, 10), scaled = proxyv::resize_bicubic(wide, 20, 10);
  for (index_t y = 0; y < 10; ++y)
    for (index_t i = 0; i < 30; ++i) REQUIRE(half.row(y)[i] == scaled.row(y)[15 + i]);
  CHECK(proxyv::resize_and_centre(high, 12).height() == 12);
  CHECK_THROWS_AS(proxyv::resize_and_centre(Image(), 12), proxyv::ArgumentError);
  CHECK_THROWS_AS(proxyv::resize_and_centre(Image(1, 66), 12), proxyv::ArgumentError);
  CHECK_THROWS_AS(proxyv::resize_and_centre(wide, 0), proxyv::ArgumentError);
  ImageProcessor one;
  one.crop_size = 14;
  one.aspect = ImageAspect::centre;
  CHECK(one.count_crops(40, 20) == 1);
  CHECK(one.crops(wide).front() == proxyv::resize_and_centre(wide, 14));
}

TEST_CASE("ImageProcessor: order of rows and columns") {
  ImageProcessor processor{.crop_size = 4, .patch_size = 2, .mean = {0, 0, 0}, .std = {1, 1, 1}};
  processor.aspect = ImageAspect::resize;
  Image image(4, 4);
  image.set(3, 2, {51, 102, 255});  // patch 3 (bottom right), y 0, x 1
  auto values = patches(processor, image);
  REQUIRE(values.size() == 4 * 12);
  CHECK(std::exchange(values[36 + 1], 0.0f) == 0.2f);
  CHECK(std::exchange(values[36 + 4 + 1], 0.0f) == 0.4f);
  CHECK(std::exchange(values[36 + 8 + 1], 0.0f) == 1.0f);
  CHECK(values == std::vector<float>(48, 0.0f));
}

TEST_CASE("ImageProcessor: pad uses the truncated mean colour") {
  const auto crops = small_processor(ImageAspect::pad).crops(Image(28, 14, {1, 2, 3}));
  REQUIRE(crops.size() == 1);
  CHECK(crops[0].at(5, 0) == Rgb{122, 116, 104});
  CHECK(crops[0].at(5, 6) == Rgb{122, 116, 104});
  CHECK(crops[0].at(5, 7) == Rgb{1, 2, 3});
  CHECK(crops[0].at(5, 20) == Rgb{1, 2, 3});
  CHECK(crops[0].at(5, 21) == Rgb{122, 116, 104});
}

TEST_CASE("ImageProcessor: padding a very long picture needs little memory") {
  // The square would be 3 GB.
  const auto crops = small_processor(ImageAspect::pad).crops(Image(32768, 1, {255, 255, 255}));
  CHECK(crops[0].at(13, 0) == Rgb{122, 116, 104});
  CHECK(crops[0].at(13, 27) == Rgb{122, 116, 104});
  const auto tall = small_processor(ImageAspect::pad).crops(Image(1, 4096, {255, 255, 255}));
  CHECK(tall[0].at(0, 13) == Rgb{122, 116, 104});
  CHECK(tall[0].at(27, 13) == Rgb{122, 116, 104});
}

TEST_CASE("pad_and_resize: bad arguments and no scaling") {
  CHECK_THROWS_WITH(pad_and_resize(Image(2, 2), 0, Rgb{}),
                    "pad_and_resize: side must be in 1..16777216, found 0");
  CHECK_THROWS_WITH(pad_and_resize(Image(), 3, Rgb{}), "pad_and_resize: the image is empty");
  const Image out = pad_and_resize(Image(3, 1, {9, 9, 9}), 3, {1, 2, 3});
  CHECK(out.at(0, 0) == Rgb{1, 2, 3});
  CHECK(out.at(2, 1) == Rgb{9, 9, 9});
  CHECK(out.at(1, 2) == Rgb{1, 2, 3});
}

TEST_CASE("ImageProcessor: crops are counted without pixels") {
  const ImageProcessor processor = small_processor(ImageAspect::anyres);
  CHECK(processor.count_crops(100, 30) == 4);
  CHECK(processor.count_crops(60, 45) == 5);
  CHECK(processor.count_crops(2000000000, 1) == 3);
  CHECK(small_processor(ImageAspect::pad).count_crops(100, 30) == 1);
  CHECK_THROWS_AS(small_processor(ImageAspect::pad).count_crops(0, 30), proxyv::ArgumentError);
}

TEST_CASE("ImageProcessor: the defaults are CLIP's at 336") {
  const ImageProcessor processor{.pinpoints = {{336, 672}}};
  CHECK_NOTHROW(processor.check());
  CHECK(processor.patches_per_crop() == 576);
  CHECK(processor.values_per_patch() == 588);
}

TEST_CASE("ImageProcessor: bad members are named") {
  const auto broken = [](auto change) {
    ImageProcessor processor = small_processor(ImageAspect::anyres);
    change(processor);
    return processor;
  };
  CHECK_THROWS_WITH(broken([](auto& p) { p.crop_size = 0; }).check(),
                    "ImageProcessor: crop_size must be in 1..4096, found 0");
  CHECK_THROWS_WITH(broken([](auto& p) { p.patch_size = 15; }).check(),
                    "ImageProcessor: patch_size must divide crop_size 28, found 15");
  CHECK_THROWS_WITH(broken([](auto& p) { p.patch_size = 0; }).check(),
                    ContainsSubstring("patch_size must divide crop_size 28, found 0"));
  CHECK_THROWS_WITH(broken([](auto& p) { p.mean[1] = 2; }).check(),
                    ContainsSubstring("mean must be in 0..1, found 2.0"));
  CHECK_THROWS_WITH(broken([](auto& p) { p.std[2] = 0; }).check(),
                    ContainsSubstring("std must be positive, found 0.0"));
  CHECK_THROWS_WITH(broken([](auto& p) {
                      p.pinpoints = {{28, 30}};
                    }).check(),
                    ContainsSubstring("multiples of the crop size 28, found 28 x 30"));
  CHECK_THROWS_WITH(broken([](auto& p) { p.pinpoints.clear(); }).crops(Image(3, 3)),
                    ContainsSubstring("no candidate resolutions"));
}

TEST_CASE("ImageProcessor: bad pictures and outputs") {
  const ImageProcessor processor = small_processor(ImageAspect::resize);
  std::vector<float> values(4 * 588);
  CHECK_THROWS_WITH(processor.crops(Image()), "ImageProcessor: the image is empty");
  CHECK_THROWS_WITH(processor.patches(Image(5, 5), {values.data(), 3, 588}),
                    "ImageProcessor: patches wanted [4, 588], found [3, 588]");
  CHECK_THROWS_WITH(processor.patches(Image(5, 5), {nullptr, 4, 588}), "ImageProcessor: patches: null data");
  const std::vector<Image> wrong{Image(28, 27)};
  CHECK_THROWS_WITH(processor.patches(std::span<const Image>(wrong), {values.data(), 4, 588}),
                    "ImageProcessor: wanted crops of 28 x 28, found 28 x 27");
}
