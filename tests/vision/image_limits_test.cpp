#include "proxyv/vision/image_limits.hpp"

#include <cstdint>

#include "support/catch.hpp"

using proxyv::LoadError;
using proxyv::detail::check_image_limits;

TEST_CASE("ImageLimits: the defaults") {
  CHECK_NOTHROW(check_image_limits("a.png", 8192, 8192, {}));
  CHECK_NOTHROW(check_image_limits("a.png", 32768, 2048, {}));
  CHECK_THROWS_WITH(check_image_limits("a.png", 8193, 8192, {}),
                    "a.png: image of 8193 x 8192 pixels, at most 67108864 in all");
  CHECK_THROWS_WITH(check_image_limits("a.png", 1, 32769, {}),
                    "a.png: image of 1 x 32769 pixels, at most 32768 to a side");
  CHECK_THROWS_WITH(check_image_limits("a.png", 0, 7, {}), "a.png: image of 0 x 7 pixels is empty");
}

TEST_CASE("ImageLimits: sizes whose product would overflow") {
  const proxyv::ImageLimits open{.max_pixels = INT64_MAX, .max_side = INT64_MAX};
  CHECK_THROWS_AS(check_image_limits("a.png", INT64_MAX, 2, open), LoadError);
  CHECK_NOTHROW(check_image_limits("a.png", INT64_MAX, 1, open));
}
