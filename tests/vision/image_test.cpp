#include "proxyv/vision/image.hpp"

#include <utility>
#include <vector>

#include "support/catch.hpp"

using proxyv::ArgumentError;
using proxyv::Image;
using proxyv::Rgb;

TEST_CASE("Image: a new one is black or of one colour") {
  const Image black(3, 2);
  CHECK(black.width() == 3);
  CHECK(black.height() == 2);
  CHECK(black.pixels() == std::vector<std::uint8_t>(18, 0));
  const Image red(2, 1, {200, 1, 2});
  CHECK(red.pixels() == std::vector<std::uint8_t>{200, 1, 2, 200, 1, 2});
}

TEST_CASE("Image: takes over pixels row by row") {
  const Image image = Image::from_pixels(2, 2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(image.at(0, 0) == Rgb{1, 2, 3});
  CHECK(image.at(1, 0) == Rgb{4, 5, 6});
  CHECK(image.at(0, 1) == Rgb{7, 8, 9});
  CHECK(image.row(1)[5] == 12);
}

TEST_CASE("Image: sizes are checked") {
  CHECK_THROWS_WITH(Image(0, 5), "Image: sides must be in 1..16777216, found 0 x 5");
  CHECK_THROWS_AS(Image::from_pixels(-1, -1, {1, 2, 3}), ArgumentError);
  CHECK_THROWS_AS(Image(5, -1), ArgumentError);
  CHECK_THROWS_AS(Image(1, proxyv::index_t{1} << 62), ArgumentError);
  CHECK_THROWS_WITH(Image::from_pixels(2, 2, std::vector<std::uint8_t>(11)),
                    "Image: 2 x 2 wants 12 bytes, found 11");
}

TEST_CASE("Image: a moved-from image is empty and usable") {
  Image a(4, 3);
  const Image b = std::move(a);
  CHECK(b.width() == 4);
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move): promised
  CHECK(a.width() == 0);
  CHECK(a.height() == 0);
  CHECK_THROWS_AS(crop(a, 0, 0, 1, 1), ArgumentError);
  a = Image(1, 1);
  CHECK(a.height() == 1);
}

TEST_CASE("crop: a part of an image") {
  const Image image = Image::from_pixels(3, 2, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6});
  CHECK(crop(image, 1, 0, 2, 2).pixels() == std::vector<std::uint8_t>{2, 2, 2, 3, 3, 3, 5, 5, 5, 6, 6, 6});
  CHECK(crop(image, 0, 0, 3, 2) == image);
  CHECK_THROWS_WITH(crop(image, 2, 0, 2, 1), "crop: 2 x 1 at (2, 0) of an image of 3 x 2");
  CHECK_THROWS_AS(crop(image, -1, 0, 1, 1), ArgumentError);
  CHECK_THROWS_AS(crop(image, 0, 0, 0, 1), ArgumentError);
  CHECK_THROWS_AS(crop(image, 1, 0, proxyv::index_t{1} << 62, 1), ArgumentError);
}

TEST_CASE("paste: onto a canvas") {
  Image canvas(3, 2);
  paste(canvas, Image(1, 2, {7, 8, 9}), 1, 0);
  CHECK(canvas.pixels() == std::vector<std::uint8_t>{0, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0, 0, 7, 8, 9, 0, 0, 0});
  CHECK_THROWS_WITH(paste(canvas, Image(2, 2), 2, 0), "paste: 2 x 2 at (2, 0) onto a canvas of 3 x 2");
  CHECK_THROWS_AS(paste(canvas, Image(1, 1), 0, -1), ArgumentError);
  CHECK_THROWS_WITH(paste(canvas, canvas, 0, 0), "paste: canvas and image are the same object");
}
