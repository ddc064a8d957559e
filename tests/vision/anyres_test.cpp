#include "proxyv/vision/anyres.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::AnyresGeometry;
using proxyv::ArgumentError;
using proxyv::GridShape;
using proxyv::Image;
using proxyv::index_t;
using proxyv::parse_grid_pinpoints;
using proxyv::Resolution;
using proxyv::Rgb;

namespace {

/// An image size and what LLaVA's mm_utils.py says of it: select_best_resolution,
/// 1 + get_anyres_image_grid_shape, and the sizes inside resize_and_pad_image.
struct Expected {
  Resolution image, best;
  index_t crops;
  AnyresGeometry geometry;
};

const std::vector<Resolution> five{{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};

constexpr Expected with_five[] = {
    {{1, 1}, {336, 672}, 3, {336, 336, 0, 168}},
    {{336, 336}, {336, 672}, 3, {336, 336, 0, 168}},
    {{672, 672}, {672, 672}, 5, {672, 672, 0, 0}},
    {{1008, 336}, {1008, 336}, 4, {1008, 336, 0, 0}},
    {{336, 1008}, {336, 1008}, 4, {336, 1008, 0, 0}},
    {{1344, 1344}, {672, 672}, 5, {672, 672, 0, 0}},
    {{1000, 500}, {672, 336}, 3, {672, 336, 0, 0}},
    {{500, 1000}, {336, 672}, 3, {336, 672, 0, 0}},
    {{672, 336}, {672, 336}, 3, {672, 336, 0, 0}},
    {{1, 2000}, {336, 672}, 3, {1, 672, 167, 0}},
    {{2000, 1}, {336, 672}, 3, {336, 1, 0, 335}},
    {{640, 480}, {672, 672}, 5, {672, 504, 0, 84}},
    {{480, 640}, {672, 672}, 5, {504, 672, 84, 0}},
    {{1920, 1080}, {672, 672}, 5, {672, 378, 0, 147}},
    {{1080, 1920}, {672, 672}, 5, {378, 672, 147, 0}},
    {{335, 337}, {336, 672}, 3, {336, 339, 0, 166}},
    {{337, 335}, {672, 336}, 3, {339, 336, 166, 0}},
    {{20000, 3}, {336, 672}, 3, {336, 1, 0, 335}},
    {{3, 20000}, {336, 672}, 3, {1, 672, 167, 0}},
    {{2147483647, 2147483647}, {672, 672}, 5, {672, 672, 0, 0}},
    {{2147483647, 1}, {336, 672}, 3, {336, 1, 0, 335}},
    {{1799, 818}, {1008, 336}, 4, {739, 336, 134, 0}},
    {{587, 2468}, {336, 1008}, 4, {240, 1008, 48, 0}},
    {{440, 797}, {672, 672}, 5, {371, 672, 150, 0}},
    {{1606, 1971}, {672, 672}, 5, {548, 672, 62, 0}},
    {{1599, 2174}, {672, 672}, 5, {495, 672, 88, 0}},
    {{121, 978}, {336, 1008}, 4, {125, 1008, 105, 0}},
    {{1434, 1095}, {672, 672}, 5, {672, 514, 0, 79}},
    {{972, 932}, {672, 672}, 5, {672, 645, 0, 13}},
    {{101, 268}, {336, 672}, 3, {254, 672, 41, 0}},
};

constexpr Expected with_range[] = {
    {{1, 1}, {336, 336}, 2, {336, 336, 0, 0}},
    {{336, 336}, {336, 336}, 2, {336, 336, 0, 0}},
    {{337, 336}, {672, 336}, 3, {337, 336, 167, 0}},
    {{700, 700}, {1008, 1008}, 10, {1008, 1008, 0, 0}},
    {{1008, 1008}, {1008, 1008}, 10, {1008, 1008, 0, 0}},
    {{5000, 100}, {1008, 336}, 4, {1008, 21, 0, 157}},
    {{999, 333}, {1008, 336}, 4, {1008, 336, 0, 0}},
    {{333, 999}, {336, 1008}, 4, {336, 1008, 0, 0}},
    {{1500, 1100}, {1008, 1008}, 10, {1008, 740, 0, 134}},
    {{1357, 1197}, {1008, 1008}, 10, {1008, 890, 0, 59}},
    {{2395, 604}, {1008, 336}, 4, {1008, 255, 0, 40}},
    {{2122, 643}, {1008, 336}, 4, {1008, 306, 0, 15}},
    {{358, 462}, {672, 672}, 5, {521, 672, 75, 0}},
    {{995, 485}, {1008, 672}, 7, {1008, 492, 0, 90}},
    {{2239, 2034}, {1008, 1008}, 10, {1008, 916, 0, 46}},
};

// In exact arithmetic 1680 x 2016 would win: a rounded product loses a pixel.
constexpr Expected rounding_selects[] = {
    {{1409, 2113}, {1344, 2016}, 25, {1344, 2016, 0, 0}},
    {{1431, 2146}, {1344, 2016}, 25, {1344, 2016, 0, 0}},
};

// In exact arithmetic one row less: a product just above an integer is rounded up.
constexpr Expected rounding_places[] = {
    {{38, 19}, {672, 672}, 0, {672, 337, 0, 167}},
    {{46, 23}, {1008, 1008}, 0, {1008, 505, 0, 251}},
};

void check(const Expected& e, const std::vector<Resolution>& pinpoints) {
  CAPTURE(e.image.width, e.image.height);
  CHECK(select_best_resolution(e.image.width, e.image.height, pinpoints) == e.best);
  CHECK(proxyv::count_crops(e.image.width, e.image.height, pinpoints, 336) == e.crops);
  CHECK(anyres_geometry(e.image.width, e.image.height, e.best) == e.geometry);
}

}  // namespace

TEST_CASE("AnyRes: five candidates") {
  for (const Expected& e : with_five) check(e, five);
}

TEST_CASE("AnyRes: a range of candidates") {
  const auto pinpoints = parse_grid_pinpoints("(1x1),...,(3x3)", 336);
  for (const Expected& e : with_range) check(e, pinpoints);
}

TEST_CASE("AnyRes: double precision decides as in the reference") {
  const auto pinpoints = parse_grid_pinpoints("(1x1),...,(6x6)", 336);
  for (const Expected& e : rounding_selects) check(e, pinpoints);
  for (const Expected& e : rounding_places) {
    CHECK(anyres_geometry(e.image.width, e.image.height, e.best) == e.geometry);
  }
}

TEST_CASE("AnyRes: the earlier of equal candidates wins") {
  const std::vector<Resolution> tall_first{{100, 200}, {200, 100}}, wide_first{{200, 100}, {100, 200}};
  CHECK(select_best_resolution(50, 50, tall_first) == Resolution{100, 200});
  CHECK(select_best_resolution(50, 50, wide_first) == Resolution{200, 100});
}

TEST_CASE("parse_grid_pinpoints: ranges") {
  CHECK(parse_grid_pinpoints("(1x2),...,(2x3)", 224) ==
        std::vector<Resolution>{{224, 448}, {224, 672}, {448, 448}, {448, 672}});
  CHECK(parse_grid_pinpoints("((2x2)", 512) == std::vector<Resolution>{{1024, 1024}});
  CHECK(parse_grid_pinpoints("(1x1),...,(6x6)", 336).size() == 36);
  CHECK_THROWS_WITH(
      parse_grid_pinpoints("(1x1),...,(6x6)", 100),
      "image_grid_pinpoints: a range needs crops of 224, 336, 384, 448 or 512 pixels, found 100");
  CHECK_THROWS_WITH(parse_grid_pinpoints("1x1", 336),
                    "image_grid_pinpoints: wanted a range such as (1x1),...,(6x6) that goes up");
  CHECK_THROWS_AS(parse_grid_pinpoints("(2x2),...,(1x9)", 336), ArgumentError);
  CHECK_THROWS_WITH(parse_grid_pinpoints("(1x1),...,(1000x1000)", 336),
                    "image_grid_pinpoints: 1000 x 1000 candidates, at most 4096");
  CHECK_THROWS_WITH(parse_grid_pinpoints("(1x1),...,(99999999999999999999x1)", 336),
                    "image_grid_pinpoints: number above 16777216");
  CHECK_THROWS_AS(parse_grid_pinpoints(std::string(1000000, '(') + "x", 336), ArgumentError);
}

TEST_CASE("parse_grid_pinpoints: lists") {
  const std::vector<Resolution> two{{336, 672}, {672, 336}};
  CHECK(parse_grid_pinpoints("[[336, 672], [672, 336]]", 336) == two);
  CHECK(parse_grid_pinpoints("[(336,672),(672,336)]", 17) == two);
  CHECK(parse_grid_pinpoints(" ( [336, 672,], (672 , 336), ) ", 336) == two);
  for (const char* bad : {"", "[", "[]", "[336, 672]", "[[336, 672]", "[[336, 672]] 1", "[[336, 672)]",
                          "[[336]]", "[[-336, 672]]", "[[336.0, 672]]", "[[336, 672, 1]]",
                          "[[336, 672] [672, 336]]", "[[336, 672],,]", "(336, 672)", "[[,672]]"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(parse_grid_pinpoints(bad, 336),
                      "image_grid_pinpoints: wanted a list of pairs such as [[336, 672], [672, 336]]");
  }
  std::string many = "[";
  for (int i = 0; i < 5000; ++i) many += "[1,1],";
  CHECK_THROWS_WITH(parse_grid_pinpoints(many + "]", 336), "image_grid_pinpoints: more than 4096 candidates");
}

TEST_CASE("AnyRes: bad arguments") {
  CHECK_THROWS_WITH(proxyv::select_best_resolution(0, 5, five),
                    "select_best_resolution: image sides must be in 1..2147483647, found 0 x 5");
  CHECK_THROWS_WITH(proxyv::select_best_resolution(5, 5, {}),
                    "select_best_resolution: no candidate resolutions");
  CHECK_THROWS_AS(proxyv::anyres_geometry(5, index_t{1} << 40, {336, 336}), ArgumentError);
  CHECK_THROWS_WITH(proxyv::count_crops(5, 5, five, 100),
                    "image_grid_pinpoints: sides must be multiples of the crop size 100, found 336 x 672");
  CHECK_THROWS_WITH(proxyv::count_crops(5, 5, five, 0),
                    "image_grid_pinpoints: crop size must be at least 1, found 0");
  CHECK_THROWS_WITH(proxyv::count_crops(5, 5, {}, 336), "image_grid_pinpoints: no candidate resolutions");
  const std::vector<Resolution> huge{{1 << 20, 1 << 20}};
  CHECK_THROWS_WITH(proxyv::count_crops(5, 5, huge, 1024),
                    "image_grid_pinpoints: 1048576 x 1048576 is above 134217728 pixels");
  CHECK_THROWS_WITH(anyres_crops(Image(), five, 336), "anyres_crops: the image is empty");
  CHECK_THROWS_WITH(divide_to_crops(Image(9, 8), 4), "divide_to_crops: 9 x 8 is not a multiple of 4");
  CHECK(proxyv::grid_shape({10, 7}, 4) == GridShape{2, 1});
}

TEST_CASE("resize_and_pad: centred on black") {
  const Image out = resize_and_pad(Image(20, 10, {9, 8, 7}), {8, 8});
  for (index_t y = 0; y < 8; ++y) {
    CHECK(out.at(3, y) == (y < 2 || y >= 6 ? Rgb{0, 0, 0} : Rgb{9, 8, 7}));
  }
}

TEST_CASE("anyres_crops: base crop, then the grid in raster order") {
  const Image image = vision_test::picture(vision_test::Kind::noise, 12, 8);
  const std::vector<Resolution> pinpoints{{12, 8}};
  const auto crops = anyres_crops(image, pinpoints, 4);
  REQUIRE(crops.size() == 7);
  CHECK(crops[0] == resize_bicubic(image, 4, 4));
  CHECK(crops[1] == crop(image, 0, 0, 4, 4));
  CHECK(crops[3] == crop(image, 8, 0, 4, 4));
  CHECK(crops[4] == crop(image, 0, 4, 4, 4));
  CHECK(crops[6] == crop(image, 8, 4, 4, 4));
}
