#include "proxyv/core/shape.hpp"

#include <limits>
#include <type_traits>

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("sizes are signed 64-bit, token ids signed 32-bit") {
  STATIC_REQUIRE(std::is_same_v<index_t, std::int64_t>);
  STATIC_REQUIRE(std::is_same_v<TokenId, std::int32_t>);
  STATIC_REQUIRE(dyn == -1);
}

TEST_CASE("a shape in a message is written as [rows, cols]") {
  CHECK(shape_text(2935, 4096).text() == "[2935, 4096]");
  CHECK(shape_text(0, 0).text() == "[0, 0]");
  CHECK(shape_text(-1, std::numeric_limits<index_t>::max()).text() == "[-1, 9223372036854775807]");
}
