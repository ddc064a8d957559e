#include "proxyv/vision/resize.hpp"

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::ArgumentError;
using proxyv::Image;
using proxyv::index_t;
using proxyv::Rgb;
using vision_test::Kind;
using vision_test::picture;

namespace {

struct Golden {
  Kind kind;
  index_t width, height, new_width, new_height;
  std::uint64_t hash;
};

// Printed by make_resize_golden.py with Pillow 12.0 (10.4 and 11.3 give the same).
constexpr Golden goldens[] = {
    {Kind::noise, 1, 1, 7, 5, 0x284a8e2d02506b24u},
    {Kind::noise, 2, 3, 9, 4, 0x535042b3101f4df5u},
    {Kind::noise, 16, 16, 16, 16, 0xc717c1d88c95fd18u},
    {Kind::noise, 16, 16, 16, 9, 0x906839e415c8181fu},
    {Kind::noise, 16, 16, 31, 16, 0x4792a99736dd160du},
    {Kind::noise, 50, 40, 24, 24, 0x6cd0c94fbdaec4d2u},
    {Kind::noise, 40, 50, 97, 113, 0x0adeb83d31fb06e5u},
    {Kind::noise, 5, 200, 24, 24, 0x860d363b0c471fa3u},
    {Kind::noise, 200, 5, 24, 24, 0xbb299cda1c1dc9c8u},
    {Kind::noise, 333, 217, 96, 96, 0x44e76562f5db1dc4u},
    {Kind::noise, 97, 131, 336, 454, 0x5a67d68ebcb6aa29u},
    {Kind::noise, 640, 480, 336, 336, 0x58de045370496a4du},
    {Kind::noise, 640, 480, 448, 336, 0x7c375670f1b3020fu},
    {Kind::noise, 1, 300, 336, 3, 0xbf7cbb686ca6f115u},
    {Kind::noise, 300, 1, 3, 336, 0x0c05422f13510ae5u},
    {Kind::noise, 2000, 3, 1, 2, 0x5a740945a1a1be20u},
    {Kind::waves, 1, 1, 7, 5, 0xad53726d9ebb96cfu},
    {Kind::waves, 2, 3, 9, 4, 0xd331ebcbe2ce617eu},
    {Kind::waves, 16, 16, 16, 16, 0x176763b5d6db548du},
    {Kind::waves, 16, 16, 16, 9, 0x8bc2c2e56fcac3a5u},
    {Kind::waves, 16, 16, 31, 16, 0xcd7058597cae08cdu},
    {Kind::waves, 50, 40, 24, 24, 0xc6f93992da9b13d6u},
    {Kind::waves, 40, 50, 97, 113, 0xde890dacff5d18ebu},
    {Kind::waves, 5, 200, 24, 24, 0xafa7cd68f5f41bacu},
    {Kind::waves, 200, 5, 24, 24, 0x7443c0498987a4fau},
    {Kind::waves, 333, 217, 96, 96, 0x5cf4912c86546dc2u},
    {Kind::waves, 97, 131, 336, 454, 0x3969bc4e5f810cafu},
    {Kind::waves, 640, 480, 336, 336, 0x660e1edf3aa787dfu},
    {Kind::waves, 640, 480, 448, 336, 0x9799556d25b6cd64u},
    {Kind::waves, 1, 300, 336, 3, 0x06ef7a9251a370d5u},
    {Kind::waves, 300, 1, 3, 336, 0x8e0e7064426f0aa5u},
    {Kind::waves, 2000, 3, 1, 2, 0x5a57770da137d636u},
};

}  // namespace

TEST_CASE("resize_bicubic: byte for byte as Pillow") {
  for (const Golden& g : goldens) {
    CAPTURE(static_cast<int>(g.kind), g.width, g.height, g.new_width, g.new_height);
    const Image out = resize_bicubic(picture(g.kind, g.width, g.height), g.new_width, g.new_height);
    CHECK(out.width() == g.new_width);
    CHECK(out.height() == g.new_height);
    CHECK(vision_test::hash(out) == g.hash);
  }
}

TEST_CASE("resize_bicubic: the same size is a copy") {
  const Image image = picture(Kind::noise, 13, 7);
  CHECK(resize_bicubic(image, 13, 7) == image);
}

TEST_CASE("resize_bicubic: one colour stays that colour") {
  const Image out = resize_bicubic(Image(31, 17, {3, 128, 255}), 100, 5);
  for (index_t x = 0; x < 100; ++x) CHECK(out.at(x, x % 5) == Rgb{3, 128, 255});
}

TEST_CASE("resize_bicubic: a step overshoots and is clipped") {
  Image step(8, 1);
  for (index_t x = 4; x < 8; ++x) step.set(x, 0, {255, 250, 10});
  const Image out = resize_bicubic(step, 16, 1);
  CHECK(out.at(6, 0) == Rgb{0, 0, 0});
  CHECK(out.at(7, 0) == Rgb{52, 51, 2});
  CHECK(out.at(8, 0) == Rgb{203, 199, 8});
  CHECK(out.at(9, 0) == Rgb{255, 255, 11});
}

TEST_CASE("resize_bicubic: bad arguments") {
  CHECK_THROWS_WITH(resize_bicubic(Image(), 3, 3), "resize_bicubic: the image is empty");
  CHECK_THROWS_WITH(resize_bicubic(Image(2, 2), 0, 3),
                    "resize_bicubic: sides must be in 1..16777216, found 0 x 3");
  CHECK_THROWS_AS(resize_bicubic(Image(2, 2), 3, index_t{1} << 40), ArgumentError);
}
