// Element types: f32, and f16 and bf16 as plain 16-bit storage with exact conversions.
//
// No arithmetic lives here: 16-bit numbers are stored, floats are computed with.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace proxyv::inline v0 {

/// bfloat16: the upper half of a float. 8 exponent bits, 7 fraction bits.
struct bf16 {
  std::uint16_t bits = 0;
  friend bool operator==(bf16, bf16) = default;
};

/// IEEE half precision. 5 exponent bits, 10 fraction bits.
struct f16 {
  std::uint16_t bits = 0;
  friend bool operator==(f16, f16) = default;
};

/// Element type known at run time, as in a checkpoint.
enum class DType : std::uint8_t { f32, f16, bf16 };

constexpr float to_float(float x) { return x; }

constexpr float to_float(bf16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

constexpr float to_float(f16 x) {
  const std::uint32_t sign = (std::uint32_t{x.bits} & 0x8000u) << 16;
  const std::uint32_t exponent = (std::uint32_t{x.bits} >> 10) & 0x1fu;
  const std::uint32_t fraction = std::uint32_t{x.bits} & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

/// Round to nearest, ties to even; NaN stays a (quiet) NaN.
constexpr bf16 to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

/// Round to nearest, ties to even; overflow gives infinity; NaN stays a (quiet) NaN.
constexpr f16 to_f16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t out = 0;
  if (magnitude > 0x7f800000u) {  // NaN: keep the leading payload bits
    out = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // rounds past 65504
    out = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    // Adding 0.5 puts the multiple into the low fraction bits, rounded by the float addition.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    out = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u;
  } else {
    const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    out = (rounded - 0x38000000u) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | out)};
}

template <class T>
constexpr T from_float(float x) {
  if constexpr (std::is_same_v<T, bf16>) return to_bf16(x);
  else if constexpr (std::is_same_v<T, f16>) return to_f16(x);
  else return x;
}

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<f16> = DType::f16;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;

constexpr std::size_t dtype_size(DType type) { return type == DType::f32 ? 4 : 2; }

constexpr std::string_view dtype_name(DType type) {
  switch (type) {
    case DType::f32: return "f32";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
  }
  return "?";
}

/// Calls f with a value of the C++ type that `type` names: the door from run time to compile time.
template <class F>
decltype(auto) with_dtype(DType type, F&& f) {
  switch (type) {
    case DType::f16: return f(f16{});
    case DType::bf16: return f(bf16{});
    case DType::f32: break;
  }
  return f(float{});
}

}  // namespace proxyv::inline v0
