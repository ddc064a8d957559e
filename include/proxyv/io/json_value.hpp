// JsonValue: a parsed JSON document as plain values. Objects are sorted by key; keys occur once.
//
// Numbers keep what the file said: an integer never becomes a double behind the caller's back.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/io/quote.hpp"

namespace proxyv::inline v0 {
namespace io {

class JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<JsonMember>;

/// One JSON value. Copies are deep; a parsed one is no deeper than its limit.
class JsonValue {
 public:
  /// Unsigned is any integer >= 0; Negative any below.
  using Storage = std::variant<std::nullptr_t, bool, std::uint64_t, std::int64_t, double, std::string,
                               JsonArray, JsonObject>;

  JsonValue();
  JsonValue(Storage storage);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(storage_); }

  /// The value as that type, or a null pointer when it is another.
  const bool* boolean() const { return std::get_if<bool>(&storage_); }
  const std::uint64_t* natural() const { return std::get_if<std::uint64_t>(&storage_); }
  const std::int64_t* negative() const { return std::get_if<std::int64_t>(&storage_); }
  const double* real() const { return std::get_if<double>(&storage_); }
  const std::string* text() const { return std::get_if<std::string>(&storage_); }
  const JsonArray* array() const { return std::get_if<JsonArray>(&storage_); }
  const JsonObject* object() const { return std::get_if<JsonObject>(&storage_); }
  JsonArray* array() { return std::get_if<JsonArray>(&storage_); }
  JsonObject* object() { return std::get_if<JsonObject>(&storage_); }

  /// The member of that key; null when there is none or this is no object.
  const JsonValue* find(std::string_view key) const;

  /// What this is, for messages: "null", "-3", "2.5", "\"text\"", "an array of 3", "an object of 2".
  std::string describe() const;

 private:
  Storage storage_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

namespace detail {

inline std::string number_text(double x) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.6g", x);
  return text.data();
}

}  // namespace detail

inline JsonValue::JsonValue() = default;
inline JsonValue::JsonValue(Storage storage) : storage_(std::move(storage)) {}

inline const JsonValue* JsonValue::find(std::string_view key) const {
  const JsonObject* members = object();
  if (members == nullptr) return nullptr;
  const auto at =
      std::lower_bound(members->begin(), members->end(), key,
                       [](const JsonMember& m, std::string_view wanted) { return m.key < wanted; });
  return at != members->end() && at->key == key ? &at->value : nullptr;
}

inline std::string JsonValue::describe() const {
  if (const auto* v = boolean()) return *v ? "true" : "false";
  if (const auto* v = natural()) return std::to_string(*v);
  if (const auto* v = negative()) return std::to_string(*v);
  if (const auto* v = real()) return detail::number_text(*v);
  if (const auto* v = text()) return in_quotes(*v);
  if (const auto* v = array()) return "an array of " + std::to_string(v->size());
  if (const auto* v = object()) return "an object of " + std::to_string(v->size());
  return "null";
}

}  // namespace io
}  // namespace proxyv::inline v0
