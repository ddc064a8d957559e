// How text from outside appears in our messages: printable ASCII only, and never long.
//
// Names and keys come from files that nobody has checked; raw they could steer a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace proxyv::inline v0 {
namespace io {

inline constexpr std::size_t quote_limit = 80;
inline constexpr std::size_t path_limit = 240;

namespace detail {

inline void append_printable(std::string& out, char c) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
    out += c;
  } else {
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

}  // namespace detail

/// The text between double quotes: everything but printable ASCII as \xNN, at most `limit` bytes of it.
inline std::string in_quotes(std::string_view text, std::size_t limit = quote_limit) {
  std::string out = "\"";
  for (const char c : text.substr(0, limit)) detail::append_printable(out, c);
  out += text.size() > limit ? "...\"" : "\"";
  return out;
}

/// A path for messages: without quotes, escaped likewise; of a long one the end is kept.
inline std::string shown_path(std::string_view path) {
  std::string out;
  if (path.size() > path_limit) {
    out = "...";
    path.remove_prefix(path.size() - path_limit);
  }
  for (const char c : path) {
    if (c == '\\' || c == '"') out += c;
    else detail::append_printable(out, c);
  }
  return out;
}

}  // namespace io
}  // namespace proxyv::inline v0
