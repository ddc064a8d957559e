// Strict JSON: the only door through which JSON enters. Wraps the SAX reader of nlohmann/json.
//
// On top of the grammar this refuses a byte order mark, zero bytes, duplicate keys, deep nesting and
// too many values. Nothing here recurses. Parsed documents are JsonValue; the safetensors header has
// its own handler and no document.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "proxyv/core/error.hpp"
#include "proxyv/io/file.hpp"
#include "proxyv/io/json_value.hpp"
#include "proxyv/io/quote.hpp"

namespace proxyv::inline v0 {
namespace io {

/// What a document may hold at most; a file above is refused.
struct JsonLimits {
  std::size_t depth = 32;
  std::size_t values = 8'000'000;
};

namespace detail {

/// Refuses what the parser below would let pass. `shown` is the file as messages name it.
inline void check_json_text(std::string_view text, const std::string& shown) {
  PROXYV_CHECK(text.substr(0, 3) != "\xef\xbb\xbf", LoadError, shown,
               ": JSON: wanted plain UTF-8, found a byte order mark");
  const std::size_t zero = text.find('\0');  // the parser takes it for the end
  PROXYV_CHECK(zero == std::string_view::npos, LoadError, shown, ": JSON: found a zero byte at byte ", zero);
}

/// The half of a SAX handler that is the same for all: syntax errors and nesting.
class JsonHandlerBase {
 public:
  JsonHandlerBase(std::string shown, std::size_t max_depth)
      : shown_(std::move(shown)), max_depth_(max_depth) {}

  bool binary(std::vector<std::uint8_t>&) { return false; }  // never called for text

  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception& error) {
    // The parser's own message repeats bytes of the file, so ours only says where.
    const std::string_view text = error.what();
    const bool encoding = text.find("ill-formed UTF-8") != std::string_view::npos;
    const bool range = text.find("out_of_range") != std::string_view::npos;
    PROXYV_CHECK(false, LoadError, shown_, ": JSON: ",
                 encoding ? "invalid UTF-8"
                 : range  ? "a number out of range"
                          : "invalid syntax",
                 " near byte ", position);
    return false;
  }

 protected:
  void enter() {
    PROXYV_CHECK(depth_ < max_depth_, LoadError, shown_, ": JSON: nested deeper than ", max_depth_);
    ++depth_;
  }
  void leave() { --depth_; }
  std::size_t depth() const { return depth_; }
  const std::string& shown() const { return shown_; }

 private:
  std::string shown_;
  std::size_t max_depth_;
  std::size_t depth_ = 0;
};

/// Runs a handler over the whole text. Handlers report by throwing.
template <class Handler>
void parse_strictly(std::string_view text, const std::string& shown, Handler& handler) {
  check_json_text(text, shown);
  const char* begin = text.data();
  const bool ok = nlohmann::json::sax_parse(begin, begin + text.size(), &handler);
  PROXYV_CHECK(ok, LoadError, shown, ": JSON: refused");
}

/// Builds a JsonValue bottom-up: open containers wait on a stack, each closed one moves into its parent.
class JsonBuilder : public JsonHandlerBase {
 public:
  JsonBuilder(const std::string& shown, JsonLimits limits)
      : JsonHandlerBase(shown, limits.depth), values_left_(limits.values), max_values_(limits.values) {}

  bool null() { return add(nullptr); }
  bool boolean(bool v) { return add(v); }
  bool number_unsigned(std::uint64_t v) { return add(v); }
  bool number_integer(std::int64_t v) { return add(v); }
  bool number_float(double v, const std::string&) { return add(v); }
  bool string(std::string& v) { return add(std::move(v)); }
  bool key(std::string& v) {
    open_.back().object()->push_back({std::move(v), {}});
    return true;
  }
  bool start_object(std::size_t) { return open(JsonObject{}); }
  bool start_array(std::size_t) { return open(JsonArray{}); }
  bool end_object() {
    JsonObject& members = *open_.back().object();
    std::sort(members.begin(), members.end(), by_key);
    const auto twice =
        std::adjacent_find(members.begin(), members.end(),
                           [](const JsonMember& a, const JsonMember& b) { return a.key == b.key; });
    PROXYV_CHECK(twice == members.end(), LoadError, shown(), ": JSON: key ", in_quotes(twice->key),
                 ": wanted once, found twice");
    return close();
  }
  bool end_array() { return close(); }

  JsonValue take() { return std::move(root_); }

 private:
  static bool by_key(const JsonMember& a, const JsonMember& b) { return a.key < b.key; }

  bool open(JsonValue::Storage container) {
    enter();
    open_.emplace_back(std::move(container));
    return true;
  }
  bool close() {
    leave();
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    return place(std::move(done));
  }
  bool add(JsonValue::Storage value) { return place(JsonValue(std::move(value))); }
  bool place(JsonValue value) {
    PROXYV_CHECK(values_left_ > 0, LoadError, shown(), ": JSON: more than ", max_values_, " values");
    --values_left_;
    if (open_.empty()) root_ = std::move(value);
    else if (JsonArray* items = open_.back().array()) items->push_back(std::move(value));
    else open_.back().object()->back().value = std::move(value);
    return true;
  }

  std::vector<JsonValue> open_;
  JsonValue root_;
  std::size_t values_left_;
  std::size_t max_values_;
};

}  // namespace detail

/// Parses a whole text; `file` is named in messages. Throws LoadError for whatever is not strict JSON.
/// Cost: linear, but for sorting keys.
inline JsonValue parse_json(std::string_view text, const std::string& file, JsonLimits limits = {}) {
  const std::string shown = shown_path(file);
  detail::JsonBuilder builder(shown, limits);
  detail::parse_strictly(text, shown, builder);
  return builder.take();
}

/// Reads and parses a file of at most `max_bytes`.
inline JsonValue read_json(const std::string& path, std::size_t max_bytes, JsonLimits limits = {}) {
  return parse_json(read_file(path, max_bytes), path, limits);
}

}  // namespace io
}  // namespace proxyv::inline v0
