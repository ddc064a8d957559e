// The header of a safetensors file: parsed straight into tables, then checked as a whole.
//
// Accepts and refuses what the format's reference reader does, and also refuses duplicate keys and
// entries or types in other than their usual JSON form. Holds no tensor data and opens no file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/name_index.hpp"
#include "proxyv/io/quote.hpp"
#include "proxyv/io/safetensors_handler.hpp"
#include "proxyv/io/safetensors_table.hpp"

namespace proxyv::inline v0 {
namespace io {

/// What a header says, checked: entries tile the data bytes exactly, in the order of the file.
class SafetensorsHeader {
 public:
  /// Parses `text`, the header of a file that holds `data_bytes` more bytes after it.
  /// Throws LoadError naming `file`, tensor, wanted and found. Cost: n log n in the number of tensors.
  SafetensorsHeader(std::string_view text, std::uint64_t data_bytes, const std::string& file) {
    const std::string shown = shown_path(file);
    detail::SafetensorsHandler handler(shown, table_);
    detail::parse_strictly(text, shown, handler);
    index(shown);
    check_tiling(shown, data_bytes);
  }

  std::size_t size() const { return table_.tensors.size(); }
  std::string_view name(std::size_t i) const { return table_.text_of(table_.tensors[i].name); }
  TensorType type(std::size_t i) const { return table_.tensors[i].type; }
  std::span<const std::uint64_t> shape(std::size_t i) const { return table_.shape_of(table_.tensors[i]); }
  /// First byte within the data, and one past the last.
  std::uint64_t begin(std::size_t i) const { return table_.tensors[i].begin; }
  std::uint64_t end(std::size_t i) const { return table_.tensors[i].end; }

  /// The number of the tensor of that name, or nothing.
  std::optional<std::size_t> find(std::string_view wanted) const {
    return tensor_index_.find(wanted, [this](std::uint32_t i) { return name(i); });
  }

  std::size_t metadata_size() const { return table_.metadata.size(); }
  std::string_view metadata_key(std::size_t i) const { return table_.text_of(table_.metadata[i].key); }
  std::string_view metadata_value(std::size_t i) const { return table_.text_of(table_.metadata[i].value); }
  /// The metadata text of that key, or nothing.
  std::optional<std::string_view> metadata(std::string_view key) const {
    const auto at = metadata_index_.find(key, [this](std::uint32_t i) { return metadata_key(i); });
    if (!at) return std::nullopt;
    return metadata_value(*at);
  }

 private:
  using Record = detail::TensorRecord;

  void index(const std::string& shown) {
    const auto by_place = [](const Record& a, const Record& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    };
    if (!std::is_sorted(table_.tensors.begin(), table_.tensors.end(), by_place)) {
      std::sort(table_.tensors.begin(), table_.tensors.end(), by_place);
    }
    // A record is longer than a byte of JSON, so the counts fit: a header has at most 10^8 bytes.
    const auto tensors = static_cast<std::uint32_t>(table_.tensors.size());
    const auto twice = tensor_index_.build(tensors, [this](std::uint32_t i) { return name(i); });
    PROXYV_CHECK(!twice, LoadError, shown, ": tensor ", in_quotes(name(*twice)),
                 ": wanted once, found twice");
    const auto keys = static_cast<std::uint32_t>(table_.metadata.size());
    const auto again = metadata_index_.build(keys, [this](std::uint32_t i) { return metadata_key(i); });
    PROXYV_CHECK(!again, LoadError, shown, ": __metadata__: key ", in_quotes(metadata_key(*again)),
                 ": wanted once, found twice");
  }

  void check_tiling(const std::string& shown, std::uint64_t data_bytes) const {
    std::uint64_t end = 0;
    for (const Record& record : table_.tensors) {
      const std::uint64_t bytes = byte_size(shown, record);
      if (record.begin != end) fail_offset(shown, record, end);
      PROXYV_CHECK(record.end >= record.begin, LoadError, where(shown, record),
                   ": data_offsets: wanted begin <= end, found ", record.begin, " and ", record.end);
      PROXYV_CHECK(record.end - record.begin == bytes, LoadError, where(shown, record),
                   ": data_offsets: wanted ", bytes, " bytes for ", tensor_type_name(record.type), " ",
                   shape_text(table_.shape_of(record)), ", found ", record.end - record.begin);
      end = record.end;
    }
    PROXYV_CHECK(end == data_bytes, LoadError, shown, ": wanted ", end, " bytes of tensor data, found ",
                 data_bytes);
  }

  std::uint64_t byte_size(const std::string& shown, const Record& record) const {
    std::optional<std::uint64_t> product = 1;
    // Overflow counts even when a zero follows: the reference reader multiplies in this order too.
    for (const std::uint64_t n : table_.shape_of(record))
      product = product ? checked_mul(*product, n) : product;
    if (product) product = checked_mul(*product, tensor_type_bits(record.type));
    PROXYV_CHECK(product.has_value(), LoadError, where(shown, record),
                 ": shape: wanted a size below 2^64 bits, found ", tensor_type_name(record.type), " ",
                 shape_text(table_.shape_of(record)));
    PROXYV_CHECK(*product % 8 == 0, LoadError, where(shown, record), ": shape: wanted whole bytes, found ",
                 *product, " bits");
    return *product / 8;
  }

  [[noreturn]] void fail_offset(const std::string& shown, const Record& record, std::uint64_t wanted) const {
    ::proxyv::detail::fail(LoadError(::proxyv::detail::concat(
        where(shown, record), ": data_offsets: wanted begin ", wanted, ", found ", record.begin,
        record.begin > wanted ? " (a hole before it)" : " (overlaps another tensor)")));
  }

  std::string where(const std::string& shown, const Record& record) const {
    return shown + ": tensor " + in_quotes(table_.text_of(record.name));
  }

  detail::SafetensorsTable table_;
  NameIndex tensor_index_;
  NameIndex metadata_index_;
};

}  // namespace io
}  // namespace proxyv::inline v0
