// GoldenFile: a safetensors file of inputs and wanted results, with typed reading. See README.md.
//
// Whatever is missing or of another type or shape is a LoadError naming file and tensor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "golden/row_slice.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/io/json_fields.hpp"
#include "proxyv/io/safetensors.hpp"

namespace golden {

using namespace proxyv;
using Shape = std::vector<std::uint64_t>;

/// A shape from sizes that cannot be negative.
template <class... Sizes>
Shape shape_of(Sizes... sizes) {
  return {static_cast<std::uint64_t>(sizes)...};
}

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& path) : source_(std::make_shared<const io::SafetensorsFile>(path)) {}

  /// The same file as one row of its batch would have it, had it been alone: "in.row0" is that row's input, "out."
  /// tensors have a batch of one, and no slots beyond those kept.
  GoldenFile at_row(const RowSlice& slice) const {
    GoldenFile out = *this;
    out.slice_ = slice;
    return out;
  }
  index_t row() const { return slice_ ? slice_->row : 0; }

  const io::SafetensorsFile& source() const { return *source_; }
  std::shared_ptr<const io::SafetensorsFile> owner() const { return source_; }

  bool has_text(const std::string& key) const { return source_->metadata(key).has_value(); }
  /// A value of __metadata__.
  std::string text(const std::string& key) const;
  /// The same parsed; where() names it for JsonFields.
  io::JsonValue json(const std::string& key) const;
  std::string where(const std::string& key) const { return source_->path() + ": " + key; }

  bool has(const std::string& tensor) const { return source_->find(own(tensor)).has_value(); }
  /// Its shape, which must have `rank` sizes.
  std::vector<index_t> shape(const std::string& tensor, std::size_t rank) const;
  std::vector<index_t> shape(const std::string& tensor) const;

  std::vector<float> floats(const std::string& tensor) const;
  std::vector<float> floats(const std::string& tensor, const Shape& wanted) const;
  std::vector<double> doubles(const std::string& tensor) const;
  std::vector<double> doubles(const std::string& tensor, const Shape& wanted) const;
  /// I64, or U8 flags.
  std::vector<std::int64_t> integers(const std::string& tensor) const;
  std::vector<std::int64_t> integers(const std::string& tensor, const Shape& wanted) const;
  std::vector<std::uint8_t> flags(const std::string& tensor, const Shape& wanted) const;
  /// I64 values that must fit 32 bits: positions, token ids.
  std::vector<std::int32_t> small_integers(const std::string& tensor) const;

 private:
  std::string own(const std::string& tensor) const { return slice_ ? slice_->name(tensor) : tensor; }
  io::TensorEntry at(const std::string& tensor) const { return source_->at(own(tensor)); }
  std::vector<index_t> whole_shape(const std::string& tensor) const;
  /// Refuses another shape than `wanted`, a row's tensor counting as sliced.
  void check(const std::string& tensor, const Shape& wanted) const;
  template <class T>
  std::vector<T> sliced(const std::string& tensor, std::vector<T> values) const {
    if (!slice_ || !slice_->cuts(tensor)) return values;
    const std::vector<index_t> shape = whole_shape(tensor);
    return RowSlice::pick(values, shape, slice_->indices(tensor, shape));
  }

  std::optional<RowSlice> slice_;
  std::shared_ptr<const io::SafetensorsFile> source_;
};

/// Runs of numbers of any integer type as what Report::same compares.
template <class Range>
std::vector<std::int64_t> as_int64(const Range& values) {
  return std::vector<std::int64_t>(values.begin(), values.end());
}

}  // namespace golden
