// The tables that a safetensors header is parsed into: all names in one pool, all shapes in another.
//
// A header may name a million tensors; one allocation each would be too many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/io/tensor_type.hpp"

namespace proxyv::inline v0 {
namespace io {

/// "[2, 3]", "[]"; of a long shape the first eight sizes.
inline std::string shape_text(std::span<const std::uint64_t> shape) {
  constexpr std::size_t most = 8;
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size() && i < most; ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + (shape.size() > most ? ", ...]" : "]");
}

namespace detail {

/// A piece of one of the pools. A header has at most 10^8 bytes, so 32 bits do.
struct Piece {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

struct TensorRecord {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Piece name;
  Piece shape;
  TensorType type = TensorType::u8;
};

struct MetadataRecord {
  Piece key;
  Piece value;
};

/// Plain storage; vectors, so that views into it survive a move.
struct SafetensorsTable {
  std::vector<char> texts;
  std::vector<std::uint64_t> sizes;
  std::vector<TensorRecord> tensors;
  std::vector<MetadataRecord> metadata;

  Piece keep(std::string_view text) {
    const Piece piece{static_cast<std::uint32_t>(texts.size()), static_cast<std::uint32_t>(text.size())};
    texts.insert(texts.end(), text.begin(), text.end());
    return piece;
  }
  std::string_view text_of(Piece piece) const { return {texts.data() + piece.begin, piece.size}; }
  std::span<const std::uint64_t> shape_of(const TensorRecord& record) const {
    return {sizes.data() + record.shape.begin, record.shape.size};
  }
};

}  // namespace detail
}  // namespace io
}  // namespace proxyv::inline v0
