// The state machine that turns the JSON of a safetensors header into tables.
//
// One state per place in the header; each says what it wants there, everything else is refused.
// What an entry says beyond dtype, shape and data_offsets is read over, as the format has it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/io/digest.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/quote.hpp"
#include "proxyv/io/safetensors_table.hpp"

namespace proxyv::inline v0 {
namespace io {
namespace detail {

/// The nesting that the reference reader allows.
inline constexpr std::size_t safetensors_depth = 127;

/// Keys of the objects that are read over. Kept as hashes: a clash, once in 10^19 pairs, refuses a file
/// with two odd keys and can never let one pass.
class SkippedKeys {
 public:
  void open() { starts_.push_back(hashes_.size()); }
  void add(std::string_view key) { hashes_.push_back(digest_of(key)); }
  /// Ends the innermost object; false when a key occurred twice in it.
  bool close() {
    const auto first = hashes_.begin() + static_cast<std::ptrdiff_t>(starts_.back());
    std::sort(first, hashes_.end());
    const bool unique = std::adjacent_find(first, hashes_.end()) == hashes_.end();
    hashes_.erase(first, hashes_.end());
    starts_.pop_back();
    return unique;
  }

 private:
  std::vector<std::uint64_t> hashes_;
  std::vector<std::size_t> starts_;
};

class SafetensorsHandler : public JsonHandlerBase {
 public:
  SafetensorsHandler(const std::string& shown, SafetensorsTable& table)
      : JsonHandlerBase(shown, safetensors_depth), table_(table) {}

  bool null() {
    if (place_ == Place::metadata_value) place_ = Place::names;  // the reference reader takes it for none
    else skip_scalar("null");
    return true;
  }
  bool boolean(bool v) { return skip_scalar(v ? "true" : "false"); }
  bool number_integer(std::int64_t v) { return skip_scalar(v == 0 ? "-0" : std::to_string(v)); }
  bool number_float(double v, const std::string&) { return skip_scalar(number_text(v)); }
  bool number_unsigned(std::uint64_t v) {
    switch (place_) {
      case Place::shape: table_.sizes.push_back(v); return true;
      case Place::offsets: return offset(v);
      default: return skip_scalar(std::to_string(v));
    }
  }
  bool string(std::string& v) {
    switch (place_) {
      case Place::metadata: table_.metadata.back().value = table_.keep(v); return true;
      case Place::dtype: return dtype(v);
      default: return place_ == Place::skipped ? skip_scalar("") : skip_scalar(in_quotes(v));
    }
  }

  bool start_object(std::size_t) {
    enter();
    switch (place_) {
      case Place::root: place_ = Place::names; break;
      case Place::metadata_value: place_ = Place::metadata; break;
      case Place::entry_value:
        place_ = Place::entry;
        skipped_.open();
        break;
      case Place::skipped:
        ++skip_depth_;
        skipped_.open();
        break;
      default: wrong("an object");
    }
    return true;
  }
  bool start_array(std::size_t) {
    enter();
    switch (place_) {
      case Place::shape_value: place_ = Place::shape; break;
      case Place::offsets_value: place_ = Place::offsets; break;
      case Place::skipped: ++skip_depth_; break;
      default: wrong("an array");
    }
    return true;
  }
  bool key(std::string& v) {
    switch (place_) {
      case Place::names: return name(v);
      case Place::metadata: table_.metadata.push_back({table_.keep(v), {}}); return true;
      case Place::entry: return field(v);
      default: skipped_.add(v); return true;
    }
  }
  bool end_object() {
    leave();
    switch (place_) {
      case Place::names: place_ = Place::done; break;
      case Place::metadata: place_ = Place::names; break;
      case Place::entry: return end_entry();
      default: close_skipped(); end_skipped();
    }
    return true;
  }
  bool end_array() {
    leave();
    switch (place_) {
      case Place::shape:
        tensor().shape.size = static_cast<std::uint32_t>(table_.sizes.size() - tensor().shape.begin);
        place_ = Place::entry;
        break;
      case Place::offsets:
        if (offsets_ != 2) wrong(offsets_ == 0 ? "none" : "one");
        place_ = Place::entry;
        break;
      default: end_skipped();
    }
    return true;
  }

 private:
  enum class Place : std::uint8_t {
    root,
    names,
    metadata_value,
    metadata,
    entry_value,
    entry,
    dtype,
    shape_value,
    shape,
    offsets_value,
    offsets,
    skipped,
    done
  };
  static constexpr unsigned has_dtype = 1, has_shape = 2, has_offsets = 4;

  TensorRecord& tensor() { return table_.tensors.back(); }

  bool name(const std::string& v) {
    if (v == "__metadata__") {
      PROXYV_CHECK(!has_metadata_, LoadError, shown(), ": __metadata__: wanted once, found twice");
      has_metadata_ = true;
      place_ = Place::metadata_value;
      return true;
    }
    table_.tensors.emplace_back();
    tensor().name = table_.keep(v);
    fields_ = 0;
    place_ = Place::entry_value;
    return true;
  }
  bool field(const std::string& v) {
    if (v == "dtype") {
      once(has_dtype, v);
      place_ = Place::dtype;
    } else if (v == "shape") {
      once(has_shape, v);
      tensor().shape.begin = static_cast<std::uint32_t>(table_.sizes.size());
      place_ = Place::shape_value;
    } else if (v == "data_offsets") {
      once(has_offsets, v);
      offsets_ = 0;
      place_ = Place::offsets_value;
    } else {
      skipped_.add(v);
      skip_depth_ = 0;
      place_ = Place::skipped;
    }
    return true;
  }
  void once(unsigned bit, const std::string& v) {
    PROXYV_CHECK((fields_ & bit) == 0, LoadError, where_tensor(), ": ", v, ": wanted once, found twice");
    fields_ |= bit;
  }
  bool dtype(const std::string& v) {
    const auto type = tensor_type_from(v);
    PROXYV_CHECK(type.has_value(), LoadError, where_tensor(),
                 ": dtype: wanted a type of the format (as F32, BF16, I64), found ", in_quotes(v));
    tensor().type = *type;
    place_ = Place::entry;
    return true;
  }
  bool offset(std::uint64_t v) {
    if (offsets_ == 2) wrong("more");
    (offsets_ == 0 ? tensor().begin : tensor().end) = v;
    ++offsets_;
    return true;
  }
  bool end_entry() {
    close_skipped();
    PROXYV_CHECK((fields_ & has_dtype) != 0, LoadError, where_tensor(),
                 ": dtype: wanted a string, found nothing");
    PROXYV_CHECK((fields_ & has_shape) != 0, LoadError, where_tensor(),
                 ": shape: wanted an array, found nothing");
    PROXYV_CHECK((fields_ & has_offsets) != 0, LoadError, where_tensor(),
                 ": data_offsets: wanted two offsets, found nothing");
    place_ = Place::names;
    return true;
  }

  bool skip_scalar(const std::string& found) {
    if (place_ != Place::skipped) wrong(found);
    if (skip_depth_ == 0) place_ = Place::entry;
    return true;
  }
  void end_skipped() {
    --skip_depth_;
    if (skip_depth_ == 0) place_ = Place::entry;
  }
  void close_skipped() {
    PROXYV_CHECK(skipped_.close(), LoadError, where_tensor(), ": wanted each key once, found one twice");
  }

  std::string where_tensor() const {
    return shown() + ": tensor " + in_quotes(table_.text_of(table_.tensors.back().name));
  }
  [[noreturn]] void wrong(const std::string& found) const {
    std::string where = shown(), wanted;
    switch (place_) {
      case Place::metadata_value: where += ": __metadata__", wanted = "an object of strings"; break;
      case Place::metadata:
        where += ": __metadata__: " + in_quotes(table_.text_of(table_.metadata.back().key)),
            wanted = "a string";
        break;
      case Place::entry_value: where = where_tensor(), wanted = "an object"; break;
      case Place::dtype: where = where_tensor() + ": dtype", wanted = "a string"; break;
      case Place::shape_value:
        where = where_tensor() + ": shape", wanted = "an array of unsigned integers";
        break;
      case Place::shape: where = where_tensor() + ": shape", wanted = "unsigned integers"; break;
      case Place::offsets_value:
      case Place::offsets: where = where_tensor() + ": data_offsets", wanted = "two unsigned integers"; break;
      default: where += ": header", wanted = "one JSON object"; break;
    }
    ::proxyv::detail::fail(LoadError(where + ": wanted " + wanted + ", found " + found));
  }

  SafetensorsTable& table_;
  SkippedKeys skipped_;
  Place place_ = Place::root;
  std::size_t skip_depth_ = 0;
  unsigned fields_ = 0;
  unsigned offsets_ = 0;
  bool has_metadata_ = false;
};

}  // namespace detail
}  // namespace io
}  // namespace proxyv::inline v0
