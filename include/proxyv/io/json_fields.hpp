// Typed, range-checked reading of JSON values: the only place where a JSON number becomes one of ours.
//
// Every refusal is a LoadError "<file>: <key>: wanted ..., found ...".
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/io/json_value.hpp"
#include "proxyv/io/quote.hpp"

namespace proxyv::inline v0 {
namespace io {

/// Where a value stands, for messages. Both parts are shown as they are: escape what is foreign.
struct JsonPlace {
  std::string file;
  std::string key;
};

/// Refuses what was found at `place`.
[[noreturn]] inline void refuse(const JsonPlace& place, const std::string& wanted, const std::string& found) {
  ::proxyv::detail::fail(
      LoadError(place.file + ": " + place.key + ": wanted " + wanted + ", found " + found));
}

/// An integer in [min, max]. 2.0 and 2^64 are no integers here, and nothing wraps.
inline index_t as_index(const JsonValue& value, const JsonPlace& place, index_t min, index_t max) {
  std::optional<index_t> number;
  if (const auto* natural = value.natural()) number = checked_narrow<index_t>(*natural);
  else if (const auto* negative = value.negative()) number = *negative;
  if (!number || *number < min || *number > max) {
    refuse(place, "an integer in [" + std::to_string(min) + ", " + std::to_string(max) + "]",
           value.describe());
  }
  return *number;
}

/// A number in [min, max]; integers are numbers.
inline double as_double(const JsonValue& value, const JsonPlace& place, double min, double max) {
  double number = std::numeric_limits<double>::quiet_NaN();
  if (const auto* real = value.real()) number = *real;
  else if (const auto* natural = value.natural()) number = static_cast<double>(*natural);
  else if (const auto* negative = value.negative()) number = static_cast<double>(*negative);
  if (!(number >= min && number <= max)) {
    refuse(place, "a number in [" + detail::number_text(min) + ", " + detail::number_text(max) + "]",
           value.describe());
  }
  return number;
}

inline bool as_bool(const JsonValue& value, const JsonPlace& place) {
  if (value.boolean() == nullptr) refuse(place, "true or false", value.describe());
  return *value.boolean();
}

inline const std::string& as_text(const JsonValue& value, const JsonPlace& place) {
  if (value.text() == nullptr) refuse(place, "a string", value.describe());
  return *value.text();
}

inline const JsonArray& as_array(const JsonValue& value, const JsonPlace& place) {
  if (value.array() == nullptr) refuse(place, "an array", value.describe());
  return *value.array();
}

/// The members of one object, by key. A member that is null counts as absent, as model configs use it.
/// Holds a pointer to the object: it must outlive this.
class JsonFields {
 public:
  /// `file` is shown as a path; `prefix` stands before each key in messages ("vision_config.").
  JsonFields(const JsonValue& object, const std::string& file, std::string prefix = {})
      : object_(&object), file_(shown_path(file)), prefix_(std::move(prefix)) {
    if (object.object() == nullptr) {
      refuse({file_, prefix_.empty() ? "JSON" : prefix_.substr(0, prefix_.size() - 1)}, "an object",
             object.describe());
    }
  }

  JsonPlace place(std::string_view key) const { return {file_, prefix_ + std::string(key)}; }

  const JsonValue* find(std::string_view key) const {
    const JsonValue* value = object_->find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const JsonValue& require(std::string_view key, const char* wanted) const {
    const JsonValue* value = find(key);
    if (value == nullptr) refuse(place(key), wanted, "nothing");
    return *value;
  }

  index_t index(std::string_view key, index_t min, index_t max) const {
    return as_index(require(key, "an integer"), place(key), min, max);
  }
  index_t index_or(std::string_view key, index_t fallback, index_t min, index_t max) const {
    const JsonValue* value = find(key);
    return value == nullptr ? fallback : as_index(*value, place(key), min, max);
  }
  double number_or(std::string_view key, double fallback, double min, double max) const {
    const JsonValue* value = find(key);
    return value == nullptr ? fallback : as_double(*value, place(key), min, max);
  }
  bool flag_or(std::string_view key, bool fallback) const {
    const JsonValue* value = find(key);
    return value == nullptr ? fallback : as_bool(*value, place(key));
  }
  const std::string& text(std::string_view key) const {
    return as_text(require(key, "a string"), place(key));
  }
  std::string text_or(std::string_view key, std::string fallback) const {
    const JsonValue* value = find(key);
    return value == nullptr ? std::move(fallback) : as_text(*value, place(key));
  }

  /// Absent, or exactly that text; anything else is something that we cannot do.
  void only(std::string_view key, std::string_view wanted) const {
    const JsonValue* value = find(key);
    if (value == nullptr) return;
    if (as_text(*value, place(key)) != wanted) refuse(place(key), in_quotes(wanted), value->describe());
  }
  /// Absent, or false.
  void never(std::string_view key) const {
    if (flag_or(key, false)) refuse(place(key), "false (not supported)", "true");
  }
  /// Absent, or null.
  void absent(std::string_view key) const {
    if (const JsonValue* value = find(key)) refuse(place(key), "null (not supported)", value->describe());
  }

 private:
  const JsonValue* object_;
  std::string file_;
  std::string prefix_;
};

}  // namespace io
}  // namespace proxyv::inline v0
