#include "proxyv/core/dtype.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

using namespace proxyv;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// What a 16-bit pattern means by its definition, in double: sign * fraction * 2^exponent.
double meaning(unsigned bits, int fraction_bits, int exponent_bits) {
  const unsigned fraction = bits & ((1u << fraction_bits) - 1);
  const int exponent = static_cast<int>((bits >> fraction_bits) & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  if (exponent == 0) return sign * std::ldexp(static_cast<double>(fraction), 1 - bias - fraction_bits);
  return sign *
         std::ldexp(static_cast<double>(fraction + (1u << fraction_bits)), exponent - bias - fraction_bits);
}

/// Checks one type over all its patterns: meaning, round trip, midpoints and their neighbours.
template <class T, int fraction_bits, int exponent_bits>
void check_every_pattern(T (*convert)(float)) {
  constexpr unsigned infinity_bits = ((1u << exponent_bits) - 1) << fraction_bits;
  long wrong_meaning = 0;
  long wrong_round_trip = 0;
  long wrong_tie = 0;
  long wrong_neighbour = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const T x{static_cast<std::uint16_t>(bits)};
    const float value = to_float(x);
    const unsigned magnitude = bits & 0x7fffu;
    if (magnitude > infinity_bits) {  // NaN: stays one, quiet, with its sign and leading payload
      wrong_meaning += !std::isnan(value);
      wrong_round_trip += convert(value).bits != (bits | (1u << (fraction_bits - 1)));
      continue;
    }
    wrong_meaning += static_cast<double>(value) != meaning(bits, fraction_bits, exponent_bits);
    wrong_meaning += std::signbit(value) != (bits >= 0x8000u);
    wrong_round_trip += convert(value) != x;
    if (magnitude >= infinity_bits) continue;

    // Halfway to the next pattern up in magnitude (infinity counts as the next power of two) ties go even.
    const double next = magnitude + 1 == infinity_bits
                            ? std::copysign(std::ldexp(1.0, 1 << (exponent_bits - 1)), value)
                            : meaning(bits + 1, fraction_bits, exponent_bits);
    const double middle = (static_cast<double>(value) + next) / 2;
    const auto tie = static_cast<float>(middle);
    wrong_tie += static_cast<double>(tie) != middle;  // every midpoint is a float
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    wrong_tie += convert(tie).bits != ((bits & 1u) == 0 ? low : high);
    wrong_neighbour += convert(std::nextafter(tie, 0.0f)).bits != low;
    wrong_neighbour += convert(std::nextafter(tie, std::copysign(inf, tie))).bits != high;
  }
  CHECK(wrong_meaning == 0);
  CHECK(wrong_round_trip == 0);
  CHECK(wrong_tie == 0);
  CHECK(wrong_neighbour == 0);
}

}  // namespace

TEST_CASE("all 65536 f16 patterns convert exactly, back, and round to nearest even between them") {
  check_every_pattern<f16, 10, 5>(to_f16);
}

TEST_CASE("all 65536 bf16 patterns convert exactly, back, and round to nearest even between them") {
  check_every_pattern<bf16, 7, 8>(to_bf16);
}

TEST_CASE("f16 of known numbers") {
  CHECK(to_f16(0.0f).bits == 0x0000);
  CHECK(to_f16(-0.0f).bits == 0x8000);
  CHECK(to_f16(1.0f).bits == 0x3c00);
  CHECK(to_f16(-2.0f).bits == 0xc000);
  CHECK(to_f16(0.1f).bits == 0x2e66);
  CHECK(to_f16(65504.0f).bits == 0x7bff);
  CHECK(to_f16(0x1p-14f).bits == 0x0400);  // smallest normal
  CHECK(to_f16(0x1p-24f).bits == 0x0001);  // smallest subnormal
  CHECK(to_float(f16{0x3555}) == 0x1.554p-2f);
  CHECK(to_float(f16{0x03ff}) == 0x1.ff8p-15f);
}

TEST_CASE("f16 overflow gives infinity from 65520 on, the tie past the largest number") {
  CHECK(to_f16(65519.996f).bits == 0x7bff);
  CHECK(to_f16(65520.0f).bits == 0x7c00);
  CHECK(to_f16(-65520.0f).bits == 0xfc00);
  CHECK(to_f16(std::numeric_limits<float>::max()).bits == 0x7c00);
  CHECK(to_f16(inf).bits == 0x7c00);
  CHECK(to_f16(-inf).bits == 0xfc00);
}

TEST_CASE("f16 subnormals: ties to even, and a half of the smallest becomes zero with its sign") {
  CHECK(to_f16(0x1p-25f).bits == 0x0000);
  CHECK(to_f16(-0x1p-25f).bits == 0x8000);
  CHECK(to_f16(0x1.000002p-25f).bits == 0x0001);
  CHECK(to_f16(0x1.8p-24f).bits == 0x0002);    // 1.5 -> 2
  CHECK(to_f16(0x1.4p-23f).bits == 0x0002);    // 2.5 -> 2
  CHECK(to_f16(0x1.ffcp-15f).bits == 0x0400);  // 1023.5 -> 1024, the smallest normal
  CHECK(to_f16(0x1.ff8p-15f).bits == 0x03ff);
  CHECK(to_f16(std::numeric_limits<float>::denorm_min()).bits == 0x0000);
}

TEST_CASE("f16 normals: ties to even, and a carry moves into the exponent") {
  CHECK(to_f16(0x1.002p0f).bits == 0x3c00);
  CHECK(to_f16(0x1.006p0f).bits == 0x3c02);
  CHECK(to_f16(0x1.002002p0f).bits == 0x3c01);
  CHECK(to_f16(0x1.ffep0f).bits == 0x4000);
}

TEST_CASE("f16 keeps NaN, its sign and the leading payload, also when those bits are zero") {
  CHECK(to_f16(float_of(0x7fc00000)).bits == 0x7e00);
  CHECK(to_f16(float_of(0xffc00000)).bits == 0xfe00);
  CHECK(to_f16(float_of(0x7f800001)).bits == 0x7e00);
  CHECK(to_f16(float_of(0x7fffffff)).bits == 0x7fff);
  CHECK(std::isnan(to_float(f16{0x7c01})));
  CHECK(std::isnan(to_float(f16{0xffff})));
}

TEST_CASE("bf16 of known numbers") {
  CHECK(to_bf16(0.0f).bits == 0x0000);
  CHECK(to_bf16(-0.0f).bits == 0x8000);
  CHECK(to_bf16(1.0f).bits == 0x3f80);
  CHECK(to_bf16(-2.0f).bits == 0xc000);
  CHECK(to_bf16(0.1f).bits == 0x3dcd);
  CHECK(to_bf16(3.14159265f).bits == 0x4049);
  CHECK(to_float(bf16{0x0001}) == 0x1p-133f);
}

TEST_CASE("bf16 ties go to even, carries move into the exponent, overflow gives infinity") {
  CHECK(to_bf16(float_of(0x3f808000)).bits == 0x3f80);
  CHECK(to_bf16(float_of(0x3f818000)).bits == 0x3f82);
  CHECK(to_bf16(float_of(0x3f808001)).bits == 0x3f81);
  CHECK(to_bf16(float_of(0x3fff8000)).bits == 0x4000);
  CHECK(to_bf16(float_of(0x7f7f7fff)).bits == 0x7f7f);
  CHECK(to_bf16(float_of(0x7f7f8000)).bits == 0x7f80);
  CHECK(to_bf16(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(to_bf16(-std::numeric_limits<float>::max()).bits == 0xff80);
  CHECK(to_bf16(-inf).bits == 0xff80);
}

TEST_CASE("bf16 rounds float subnormals too") {
  CHECK(to_bf16(float_of(0x00008000)).bits == 0x0000);
  CHECK(to_bf16(float_of(0x00008001)).bits == 0x0001);
  CHECK(to_bf16(float_of(0x00018000)).bits == 0x0002);
  CHECK(to_bf16(float_of(0x807fffff)).bits == 0x8080);
}

TEST_CASE("bf16 keeps NaN and its sign, also when rounding would carry it into infinity or zero") {
  CHECK(to_bf16(float_of(0x7f800001)).bits == 0x7fc0);
  CHECK(to_bf16(float_of(0xff800001)).bits == 0xffc0);
  CHECK(to_bf16(float_of(0x7fffffff)).bits == 0x7fff);
  CHECK(to_bf16(float_of(0xffffffff)).bits == 0xffff);
}

TEST_CASE("the conversions work at compile time") {
  STATIC_REQUIRE(to_f16(1.5f).bits == 0x3e00);
  STATIC_REQUIRE(to_bf16(1.5f).bits == 0x3fc0);
  STATIC_REQUIRE(to_float(f16{0x0001}) == 0x1p-24f);
  STATIC_REQUIRE(to_float(bf16{0x4049}) == 3.140625f);
}

TEST_CASE("from_float makes the type asked for") {
  STATIC_REQUIRE(std::is_same_v<decltype(from_float<f16>(1.0f)), f16>);
  CHECK(from_float<f16>(0.1f).bits == 0x2e66);
  CHECK(from_float<bf16>(0.1f).bits == 0x3dcd);
  CHECK(bits_of(from_float<float>(0.1f)) == bits_of(0.1f));
  CHECK(to_float(0.1f) == 0.1f);
}

TEST_CASE("names, sizes and types of the element types") {
  CHECK(dtype_name(DType::f32) == "f32");
  CHECK(dtype_name(DType::f16) == "f16");
  CHECK(dtype_name(DType::bf16) == "bf16");
  CHECK(dtype_name(static_cast<DType>(99)) == "?");
  CHECK(dtype_size(DType::f32) == sizeof(float));
  CHECK(dtype_size(DType::f16) == sizeof(f16));
  CHECK(dtype_size(DType::bf16) == sizeof(bf16));
  STATIC_REQUIRE(dtype_of<float> == DType::f32);
  STATIC_REQUIRE(dtype_of<f16> == DType::f16);
  STATIC_REQUIRE(dtype_of<bf16> == DType::bf16);
}

TEST_CASE("the 16-bit types are plain storage") {
  STATIC_REQUIRE(sizeof(f16) == 2);
  STATIC_REQUIRE(sizeof(bf16) == 2);
  STATIC_REQUIRE(std::is_trivially_copyable_v<f16>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<bf16>);
  STATIC_REQUIRE(f16{}.bits == 0);
  STATIC_REQUIRE(bf16{1} != bf16{2});
}

TEST_CASE("with_dtype calls with a value of the named type") {
  const auto name = [](auto zero) -> std::string {
    return std::string(dtype_name(dtype_of<decltype(zero)>));
  };
  CHECK(with_dtype(DType::f32, name) == "f32");
  CHECK(with_dtype(DType::f16, name) == "f16");
  CHECK(with_dtype(DType::bf16, name) == "bf16");
}
