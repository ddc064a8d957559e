#include "proxyv/look/picture_map.hpp"

#include "backend/small.hpp"
#include "look/look_support.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using look::CropPlace;
using look_test::row_sum;

namespace {

ImageProcessor processor() {
  ImageProcessor p;
  p.crop_size = 8;
  p.patch_size = 4;
  p.pinpoints = {{8, 16}, {16, 8}, {16, 16}};
  return p;
}

double all(const look::Matrix<double>& m) {
  double sum = 0.0;
  for (index_t y = 0; y < m.rows(); ++y) sum += row_sum(m, y);
  return sum;
}

}  // namespace

TEST_CASE("crop_places: the whole picture, then the grid, scaled back") {
  // 32 x 32 goes on 16 x 16: each crop shows a quarter
  const auto places = look::crop_places(processor(), 32, 32);
  REQUIRE(places.size() == 5);
  CHECK(places[0].width == 32.0);
  CHECK(places[4].x == 16.0);
  CHECK(places[4].y == 16.0);
  CHECK(places[4].height == 16.0);
}

TEST_CASE("crop_places: padding lies outside the picture") {
  // 20 x 8 goes on 16 x 8 as 16 x 7 (rounded up), one row of padding below
  const auto wide = look::crop_places(processor(), 20, 8);
  REQUIRE(wide.size() == 3);
  CHECK(wide[2].x == Approx(10.0));
  CHECK(wide[1].y == Approx(0.0));
  CHECK(wide[1].height == Approx(8.0 * 8.0 / 7.0));

  ImageProcessor p = processor();
  p.aspect = ImageAspect::pad;
  const auto padded = look::crop_places(p, 20, 8);
  REQUIRE(padded.size() == 1);
  CHECK(padded[0].y == -6.0);
  CHECK(padded[0].height == 20.0);
  p.aspect = ImageAspect::resize;
  CHECK(look::crop_places(p, 20, 8).size() == 1);
}

TEST_CASE("spread_over_picture: sums are kept, also across pixel borders; padding is lost") {
  const std::vector<double> values{1, 2, 3, 4};
  const auto whole = look::spread_over_picture(small::span_of(values), {{0, 0, 5, 3}}, 2, 5, 3);
  CHECK(all(whole) == Approx(10.0));
  CHECK(whole(0, 0) == Approx(1.0 / (2.5 * 1.5)));
  CHECK(whole(0, 2) == Approx((1.0 + 2.0) / 2 / (2.5 * 1.5)));
  // the upper half of the crop is padding
  const auto padded = look::spread_over_picture(small::span_of(values), {{0, -3, 5, 6}}, 2, 5, 3);
  CHECK(all(padded) == Approx(7.0));
  // two crops add up
  std::vector<double> twice = values;
  twice.insert(twice.end(), values.begin(), values.end());
  CHECK(all(look::spread_over_picture(small::span_of(twice), {{0, 0, 5, 3}, {0, 0, 5, 3}}, 2, 5, 3)) ==
        Approx(20.0));
}

TEST_CASE("spread_over_picture: values that do not fit are refused") {
  const std::vector<double> values(4);
  CHECK(small::error_of<ShapeError>([&] {
          look::spread_over_picture(small::span_of(values), {{0, 0, 5, 3}}, 3, 5, 3);
        }) == "spread_over_picture: 4 values for 1 crops of 3 x 3");
}
