// TensorEntry: one tensor of a file, where it lies, and the typed ways of reading it.
//
// Bytes need not be aligned: values are read with memcpy, weights are handed on as they lie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/dtype.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/io/quote.hpp"
#include "proxyv/io/safetensors_table.hpp"
#include "proxyv/io/tensor_type.hpp"

namespace proxyv::inline v0 {
namespace io {

/// A tensor of an open file. Points into the file object, which must outlive it.
struct TensorEntry {
  std::string_view file;  ///< path, for messages
  std::string_view name;
  TensorType type = TensorType::u8;
  std::span<const std::uint64_t> shape;  ///< may be empty (one element) and may hold zeros
  const std::byte* data = nullptr;       ///< row-major, little-endian, any alignment
  std::size_t bytes = 0;

  /// Elements.
  std::uint64_t size() const { return std::uint64_t{bytes} * 8 / tensor_type_bits(type); }
};

namespace detail {

/// "model.safetensors: tensor \"a\""
inline std::string where(const TensorEntry& entry) {
  return shown_path(entry.file) + ": tensor " + in_quotes(entry.name);
}

inline std::string found(const TensorEntry& entry) {
  return std::string(tensor_type_name(entry.type)) + " " + io::shape_text(entry.shape);
}

[[noreturn]] inline void refuse_type(const TensorEntry& entry, const char* wanted) {
  ::proxyv::detail::fail(LoadError(where(entry) + ": wanted " + wanted + ", found " + found(entry)));
}

template <class Element, class Out>
void copy_elements(const TensorEntry& entry, Out* out) {
  const std::byte* from = entry.data;
  for (std::size_t left = entry.bytes / sizeof(Element); left > 0; --left, from += sizeof(Element)) {
    Element value;
    std::memcpy(&value, from, sizeof(Element));
    if constexpr (sizeof(Element) == 2) *out++ = static_cast<Out>(to_float(value));
    else *out++ = static_cast<Out>(value);
  }
}

template <class Out>
void copy_floats(const TensorEntry& entry, Span<Out> out) {
  PROXYV_CHECK(std::cmp_equal(entry.size(), out.size()), LoadError, where(entry), ": wanted ", out.size(),
               " elements, found ", found(entry));
  switch (entry.type) {
    case TensorType::f64: return copy_elements<double>(entry, out.data());
    case TensorType::f32: return copy_elements<float>(entry, out.data());
    case TensorType::f16: return copy_elements<f16>(entry, out.data());
    case TensorType::bf16: return copy_elements<bf16>(entry, out.data());
    default: refuse_type(entry, "F64, F32, F16 or BF16");
  }
}

template <class Out>
std::vector<Out> read_exact_type(const TensorEntry& entry, TensorType type, const char* wanted) {
  if (entry.type != type) refuse_type(entry, wanted);
  std::vector<Out> out(entry.bytes / sizeof(Out));
  if (!out.empty()) std::memcpy(out.data(), entry.data, entry.bytes);
  return out;
}

}  // namespace detail

/// Refuses any other shape, naming file, tensor, wanted and found.
inline void check_shape(const TensorEntry& entry, std::span<const std::uint64_t> wanted) {
  const bool same = std::equal(entry.shape.begin(), entry.shape.end(), wanted.begin(), wanted.end());
  PROXYV_CHECK(same, LoadError, detail::where(entry), ": wanted shape ", shape_text(wanted), ", found ",
               detail::found(entry));
}

/// The tensor in place as [rows, cols]. Its shape must be [rows, cols]; [cols] serves for one row, and a
/// tensor of higher rank whose first size is rows counts by rows of cols elements (convolution kernels).
/// Throws LoadError for another shape or a type that engines do not take (they take F32, F16, BF16).
inline Weight<> as_weight(const TensorEntry& entry, index_t rows, index_t cols) {
  const auto type = weight_type(entry.type);
  const auto shape = entry.shape;
  const bool vector = shape.size() == 1 && rows == 1 && std::cmp_equal(shape[0], cols);
  const bool matrix = shape.size() >= 2 && std::cmp_equal(shape[0], rows) &&
                      element_count(rows, cols, "as_weight") >= 0 &&
                      std::cmp_equal(entry.size(), rows * cols);
  const bool plain = shape.size() != 2 || std::cmp_equal(shape[1], cols);  // zero rows hide the columns
  PROXYV_CHECK(type.has_value() && (vector || (matrix && plain)), LoadError, detail::where(entry),
               ": wanted F32, F16 or BF16 ", ::proxyv::shape_text(rows, cols), ", found ",
               detail::found(entry));
  return Weight<>(entry.data, *type, rows, cols);
}

/// All elements as float. F64 is rounded to nearest. Throws LoadError unless the tensor is F64, F32, F16 or
/// BF16 and has out.size() elements.
inline void copy_f32(const TensorEntry& entry, Span<float> out) { detail::copy_floats(entry, out); }

/// All elements as double, exactly; otherwise as copy_f32.
inline void copy_f64(const TensorEntry& entry, Span<double> out) { detail::copy_floats(entry, out); }

/// All elements of an I64 tensor.
inline std::vector<std::int64_t> read_i64(const TensorEntry& entry) {
  return detail::read_exact_type<std::int64_t>(entry, TensorType::i64, "I64");
}

/// All elements of a U8 tensor.
inline std::vector<std::uint8_t> read_u8(const TensorEntry& entry) {
  return detail::read_exact_type<std::uint8_t>(entry, TensorType::u8, "U8");
}

}  // namespace io
}  // namespace proxyv::inline v0
