// Sizes and indices, and how they appear in messages.
#pragma once

#include <cstdint>
#include <string>

namespace proxyv::inline v0 {

/// Signed size and index type of every tensor.
using index_t = std::int64_t;

/// A size known at run time only.
inline constexpr index_t dyn = -1;

/// A token of the vocabulary; also the type of positions and row numbers inside the engines.
using TokenId = std::int32_t;

/// Stands in a prompt's ids where an image goes.
inline constexpr TokenId image_token = -200;

/// A shape in a message: a text only when there is a message.
struct ShapeText {
  index_t rows, cols;

  [[gnu::cold]] std::string text() const {
    std::string out = "[";  // appended to step by step: g++ 12 warns about the one-line sum at -O3
    out += std::to_string(rows);
    out += ", ";
    out += std::to_string(cols);
    out += "]";
    return out;
  }
};

/// "[2935, 4096]"
constexpr ShapeText shape_text(index_t rows, index_t cols) { return {rows, cols}; }

}  // namespace proxyv::inline v0
