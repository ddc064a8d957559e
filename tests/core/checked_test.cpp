#include "proxyv/core/checked.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "support/catch.hpp"

using namespace proxyv;

namespace {
constexpr auto max64 = std::numeric_limits<std::int64_t>::max();
constexpr auto min64 = std::numeric_limits<std::int64_t>::min();
constexpr auto max_size = std::numeric_limits<std::size_t>::max();
}  // namespace

TEST_CASE("checked_mul gives the product or nothing") {
  CHECK(checked_mul<std::int64_t>(3, 4) == 12);
  CHECK(checked_mul<std::int64_t>(-3, 4) == -12);
  CHECK(checked_mul<std::int64_t>(0, max64) == 0);
  CHECK(checked_mul<std::int64_t>(max64, 1) == max64);
  CHECK(checked_mul<std::int64_t>(min64, 1) == min64);
  CHECK(checked_mul<std::int64_t>(3037000499, 3037000499) == 9223372030926249001);
  CHECK_FALSE(checked_mul<std::int64_t>(3037000500, 3037000500).has_value());
  CHECK_FALSE(checked_mul<std::int64_t>(max64, 2).has_value());
  CHECK_FALSE(checked_mul<std::int64_t>(min64, -1).has_value());
}

TEST_CASE("checked_mul sees products that wrap to zero or to a plausible size") {
  CHECK_FALSE(checked_mul<std::uint64_t>(std::uint64_t{1} << 32, std::uint64_t{1} << 32).has_value());
  CHECK_FALSE(checked_mul<std::uint64_t>((std::uint64_t{1} << 63) + 8, 2).has_value());
  CHECK_FALSE(checked_mul<std::uint32_t>(65536, 65536).has_value());
  CHECK(checked_mul<std::uint32_t>(65535, 65537) == 4294967295u);
}

TEST_CASE("checked_add gives the sum or nothing") {
  CHECK(checked_add<std::int64_t>(max64 - 1, 1) == max64);
  CHECK(checked_add<std::int64_t>(min64, max64) == -1);
  CHECK_FALSE(checked_add<std::int64_t>(max64, 1).has_value());
  CHECK_FALSE(checked_add<std::int64_t>(min64, -1).has_value());
  CHECK(checked_add<std::size_t>(max_size, 0) == max_size);
  CHECK_FALSE(checked_add<std::size_t>(max_size, 1).has_value());
}

TEST_CASE("checked arithmetic of narrow types works in that type") {
  CHECK_FALSE(checked_add<std::int8_t>(100, 28).has_value());
  CHECK(checked_add<std::int8_t>(100, 27) == std::int8_t{127});
  CHECK_FALSE(checked_mul<std::uint8_t>(16, 16).has_value());
}

TEST_CASE("checked arithmetic works at compile time") {
  STATIC_REQUIRE(checked_mul(6, 7) == 42);
  STATIC_REQUIRE(checked_add(std::numeric_limits<int>::max(), 1) == std::nullopt);
  STATIC_REQUIRE(checked_narrow<std::uint8_t>(256) == std::nullopt);
}

TEST_CASE("checked_narrow keeps the number or gives nothing") {
  CHECK(checked_narrow<std::int32_t>(std::int64_t{2147483647}) == 2147483647);
  CHECK_FALSE(checked_narrow<std::int32_t>(std::int64_t{2147483648}).has_value());
  CHECK(checked_narrow<std::int32_t>(std::int64_t{-2147483648}) == std::numeric_limits<std::int32_t>::min());
  CHECK_FALSE(checked_narrow<std::int32_t>(std::int64_t{-2147483649}).has_value());
  CHECK_FALSE(checked_narrow<std::size_t>(-1).has_value());
  CHECK_FALSE(checked_narrow<std::int64_t>(max_size).has_value());
  CHECK(checked_narrow<std::uint64_t>(max64) == std::uint64_t{9223372036854775807u});
}

TEST_CASE("element_count multiplies rows and columns") {
  CHECK(element_count(2935, 4096, "x") == 12021760);
  CHECK(element_count(0, max64, "x") == 0);
  CHECK(element_count(1, max64, "x") == max64);
}

TEST_CASE("element_count refuses negative sizes and overflow, naming the tensor") {
  CHECK_THROWS_AS(element_count(-1, 4, "hidden"), ShapeError);
  CHECK_THROWS_WITH(element_count(-1, 4, "hidden"), "hidden: negative size [-1, 4]");
  CHECK_THROWS_WITH(element_count(4, -2, "hidden"), "hidden: negative size [4, -2]");
  CHECK_THROWS_WITH(element_count(-4, -2, "hidden"), "hidden: negative size [-4, -2]");
  CHECK_THROWS_AS(element_count(max64, 2, "hidden"), ShapeError);
  CHECK_THROWS_WITH(element_count(4294967296, 4294967296, "hidden"),
                    "hidden: size [4294967296, 4294967296] overflows");
}

TEST_CASE("byte_count multiplies elements and their size") {
  CHECK(byte_count(0, 4, "x") == 0);
  CHECK(byte_count(10, 2, "x") == 20);
  CHECK(byte_count(2305843009213693951, 4, "x") == 9223372036854775804u);
}

TEST_CASE("byte_count refuses what no pointer difference can span") {
  CHECK_THROWS_WITH(byte_count(-5, 4, "cache"), "cache: negative size -5");
  CHECK_THROWS_AS(byte_count(2305843009213693952, 4, "cache"), ShapeError);  // 2^63 bytes
  CHECK_THROWS_WITH(byte_count(2305843009213693952, 4, "cache"),
                    "cache: 2305843009213693952 elements overflow");
  CHECK_THROWS_WITH(byte_count(max64, 4, "cache"), "cache: 9223372036854775807 elements overflow");
}
