// image_grid_pinpoints: the resolutions that an AnyRes picture may be cut at, in their three spellings.
//
// Choosing among them is vision's business. Source: get_anyres_image_grid_shape in the reference code.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/shape.hpp"
#include "proxyv/io/json_fields.hpp"
#include "proxyv/io/json_value.hpp"
#include "proxyv/io/quote.hpp"

namespace proxyv::inline v0 {
namespace io {

/// A resolution in pixels.
struct PixelSize {
  index_t width = 0;
  index_t height = 0;
  friend bool operator==(const PixelSize&, const PixelSize&) = default;
};

inline constexpr index_t pinpoint_max_side = 65536;
inline constexpr index_t pinpoint_max_crops = 64;  ///< per side, in a range
inline constexpr std::size_t pinpoint_max_count = 4096;

namespace detail {

/// Reads small numbers and single characters off a text, left to right.
class PinpointScanner {
 public:
  explicit PinpointScanner(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  bool any(char c) const { return !done() && text_[at_] == c; }
  void blanks() {
    while (any(' ') || any('\t') || any('\n') || any('\r')) ++at_;
  }
  bool take(char c) {
    if (!any(c)) return false;
    ++at_;
    return true;
  }
  /// Digits as a number; nothing when there are none or it is above the greatest side.
  std::optional<index_t> number() {
    index_t value = 0;
    const std::size_t begin = at_;
    for (; !done() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = std::min(value * 10 + (text_[at_] - '0'), pinpoint_max_side + 1);
    }
    if (at_ == begin || value > pinpoint_max_side) return std::nullopt;
    return value;
  }
  /// Moves past the next `c`; false when there is none.
  bool skip_past(char c) {
    const std::size_t found = text_.find(c, at_);
    at_ = found == std::string_view::npos ? text_.size() : found + 1;
    return found != std::string_view::npos;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// "(1x1),...,(6x6)": every pair of crop counts from the first to the last, width outside, in pixels.
inline std::vector<PixelSize> pinpoint_range(std::string_view text, index_t crop, const JsonPlace& place) {
  constexpr std::array<index_t, 5> known{224, 336, 384, 448, 512};
  if (std::find(known.begin(), known.end(), crop) == known.end()) {
    refuse(place, "a crop size of 224, 336, 384, 448 or 512 for a range", std::to_string(crop));
  }
  std::vector<PixelSize> ends;
  PinpointScanner scan(text);
  while (scan.skip_past('(')) {
    const auto width = scan.number();
    if (!width || !scan.take('x')) continue;
    const auto height = scan.number();
    if (!height || !scan.take(')')) continue;
    if (ends.size() == 2) ends.pop_back();
    ends.push_back({*width, *height});
  }
  if (ends.empty()) refuse(place, "a range as \"(1x1),...,(6x6)\"", in_quotes(text));
  const PixelSize first = ends.front(), last = ends.back();
  const bool sane = first.width >= 1 && first.height >= 1 && last.width >= first.width &&
                    last.height >= first.height && last.width <= pinpoint_max_crops &&
                    last.height <= pinpoint_max_crops;
  if (!sane)
    refuse(place, "a rising range within 1 to " + std::to_string(pinpoint_max_crops), in_quotes(text));
  std::vector<PixelSize> out;
  for (index_t i = first.width; i <= last.width; ++i) {
    for (index_t j = first.height; j <= last.height; ++j) out.push_back({i * crop, j * crop});
  }
  return out;
}

/// "[(336, 672), [672, 336]]" as Python reads it; nothing when it is no such list.
inline std::optional<std::vector<PixelSize>> pinpoint_literal(std::string_view text) {
  PinpointScanner scan(text);
  std::vector<PixelSize> out;
  scan.blanks();
  const char close = scan.any('(') ? ')' : ']';
  if (!scan.take('[') && !scan.take('(')) return std::nullopt;
  for (scan.blanks(); !scan.any(close); scan.blanks()) {
    const char pair_close = scan.any('(') ? ')' : ']';
    if (!scan.take('(') && !scan.take('[')) return std::nullopt;
    scan.blanks();
    const auto width = scan.number();
    scan.blanks();
    if (!width || !scan.take(',')) return std::nullopt;
    scan.blanks();
    const auto height = scan.number();
    scan.blanks();
    if (scan.take(',')) scan.blanks();
    if (!height || !scan.take(pair_close) || out.size() == pinpoint_max_count) return std::nullopt;
    out.push_back({*width, *height});
    scan.blanks();
    if (!scan.take(',') && !scan.any(close)) return std::nullopt;
  }
  scan.take(close);
  scan.blanks();
  if (!scan.done()) return std::nullopt;
  return out;
}

inline std::vector<PixelSize> pinpoint_pairs(const JsonArray& pairs, const JsonPlace& place) {
  std::vector<PixelSize> out;
  if (pairs.size() > pinpoint_max_count) {
    refuse(place, "at most " + std::to_string(pinpoint_max_count) + " pairs", std::to_string(pairs.size()));
  }
  for (const JsonValue& item : pairs) {
    const JsonArray* pair = item.array();
    if (pair == nullptr || pair->size() != 2) refuse(place, "pairs of integers", item.describe());
    out.push_back({as_index((*pair)[0], place, 1, pinpoint_max_side),
                   as_index((*pair)[1], place, 1, pinpoint_max_side)});
  }
  return out;
}

}  // namespace detail

/// The candidate resolutions in search order. `value` is a list of pairs [width, height], a text that spells
/// such a list, or a range text; `crop` [pixels] is the side of a crop, which a range counts in.
/// Throws LoadError when it is none of these, empty, or beyond the limits above.
inline std::vector<PixelSize> parse_grid_pinpoints(const JsonValue& value, index_t crop,
                                                   const JsonPlace& place) {
  std::vector<PixelSize> out;
  if (const std::string* text = value.text()) {
    if (text->find('x') != std::string::npos) {
      out = detail::pinpoint_range(*text, crop, place);
    } else {
      auto pairs = detail::pinpoint_literal(*text);
      if (!pairs) refuse(place, "a list of pairs of integers", in_quotes(*text));
      out = std::move(*pairs);
    }
  } else if (const JsonArray* pairs = value.array()) {
    out = detail::pinpoint_pairs(*pairs, place);
  } else {
    refuse(place, "a list of pairs or a string", value.describe());
  }
  if (out.empty()) refuse(place, "at least one pair", "none");
  for (const PixelSize& size : out) {
    if (size.width < 1 || size.height < 1) refuse(place, "sides of at least 1", value.describe());
  }
  return out;
}

}  // namespace io
}  // namespace proxyv::inline v0
