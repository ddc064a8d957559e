// TensorType: the element types that a safetensors file may hold, their names and sizes.
//
// Files may hold all of them; the library computes with F32, F16 and BF16 (see DType).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxyv/core/dtype.hpp"

namespace proxyv::inline v0 {
namespace io {

/// Element type of a tensor in a file.
enum class TensorType : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64
};

namespace detail {

struct TensorTypeRow {
  std::string_view name;
  std::uint8_t bits;
};

/// In the order of the enumerators.
inline constexpr std::array<TensorTypeRow, 22> tensor_types{{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};

}  // namespace detail

/// The format's name, as "BF16".
constexpr std::string_view tensor_type_name(TensorType type) {
  return detail::tensor_types[static_cast<std::size_t>(type)].name;
}

/// Bits of one element: 4, 6, 8, 16, 32 or 64.
constexpr std::uint64_t tensor_type_bits(TensorType type) {
  return detail::tensor_types[static_cast<std::size_t>(type)].bits;
}

/// The type of that name (upper case, exactly), or nothing.
constexpr std::optional<TensorType> tensor_type_from(std::string_view name) {
  for (std::size_t i = 0; i < detail::tensor_types.size(); ++i) {
    if (detail::tensor_types[i].name == name) return static_cast<TensorType>(i);
  }
  return std::nullopt;
}

/// The type that the engines take weights in, or nothing when they cannot.
constexpr std::optional<DType> weight_type(TensorType type) {
  switch (type) {
    case TensorType::f32: return DType::f32;
    case TensorType::f16: return DType::f16;
    case TensorType::bf16: return DType::bf16;
    default: return std::nullopt;
  }
}

}  // namespace io
}  // namespace proxyv::inline v0
