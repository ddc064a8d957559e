// Size arithmetic that cannot wrap: the one place where sizes from outside are multiplied or added.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <utility>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// a * b, or nothing when the product does not fit.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a + b, or nothing when the sum does not fit.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// The same number in another integer type, or nothing when it does not fit.
template <std::integral To, std::integral From>
constexpr std::optional<To> checked_narrow(From value) {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

/// rows * cols elements, or ShapeError naming `what`.
inline index_t element_count(index_t rows, index_t cols, const char* what) {
  PROXYV_CHECK(rows >= 0 && cols >= 0, ShapeError, what, ": negative size ", shape_text(rows, cols));
  const auto count = checked_mul(rows, cols);
  PROXYV_CHECK(count.has_value(), ShapeError, what, ": size ", shape_text(rows, cols), " overflows");
  return *count;
}

/// count * size bytes, or ShapeError naming `what`.
inline std::size_t byte_count(index_t count, std::size_t size, const char* what) {
  PROXYV_CHECK(count >= 0, ShapeError, what, ": negative size ", count);
  const auto bytes = checked_mul(static_cast<std::size_t>(count), size);
  PROXYV_CHECK(bytes.has_value() && std::in_range<index_t>(*bytes), ShapeError, what, ": ", count,
               " elements overflow");
  return *bytes;
}

}  // namespace proxyv::inline v0
