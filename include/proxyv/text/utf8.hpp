// UTF-8: one strict, linear decoder. Knows nothing of tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proxyv::inline v0 {
namespace text {

/// A character and the bytes it takes.
struct Utf8Char {
  char32_t code = 0;
  std::size_t bytes = 0;
};

/// The character that begins at `at` (below text.size()), or nothing when the bytes there are no well-formed
/// UTF-8: overlong forms, surrogates and everything above U+10FFFF are not.
inline std::optional<Utf8Char> decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) return Utf8Char{static_cast<char32_t>(lead), 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < bytes) return std::nullopt;
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const std::uint32_t next = byte(at + i);
    if ((next & 0xc0u) != 0x80u) return std::nullopt;
    code = code << 6 | (next & 0x3fu);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (overlong || surrogate || code > 0x10ffff) return std::nullopt;
  return Utf8Char{static_cast<char32_t>(code), bytes};
}

/// "U+00E9", for messages.
inline std::string code_point_text(char32_t code) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "U+";
  for (int shift = code > 0xfffff ? 20 : code > 0xffff ? 16 : 12; shift >= 0; shift -= 4) {
    out += digits[(static_cast<std::uint32_t>(code) >> shift) & 15u];
  }
  return out;
}

}  // namespace text
}  // namespace proxyv::inline v0
