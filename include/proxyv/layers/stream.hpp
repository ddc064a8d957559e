// Stream: everything that flows through the layers of a decoder for one prompt or one token.
#pragma once

#include <algorithm>

#include "proxyv/layers/kv_cache.hpp"

namespace proxyv::inline v0 {

/// A run of rows.
struct RowRange {
  index_t begin = 0;
  index_t count = 0;

  index_t end() const { return begin + count; }
  /// The rows of it that lie before `row`, and those from `row` on.
  RowRange before(index_t row) const { return {begin, std::clamp<index_t>(row - begin, 0, count)}; }
  RowRange from(index_t row) const { return {std::max(begin, row), std::max<index_t>(end() - std::max(begin, row), 0)}; }
};

/// The residual stream in packed order [vision | newline | text], and what its rows need.
template <class B>
struct Stream {
  Out<B> x;               ///< [rows, hidden] residual stream
  index_t vision = 0;     ///< leading rows that are full vision tokens
  Ids<B> positions;       ///< [rows] in reading order
  Table<B> rotary;        ///< [rows, head_dim]
  Rotary rope{};          ///< how positions become rotary
  KvCache<B>* cache = nullptr;
  index_t past = 0;       ///< cache rows before these
  Ids<B> row{};           ///< [1] recorded steps only: the cache row of the one token; `past` then says nothing
  Ids<B> live{};          ///< [1] recorded steps only: row[0] + 1
  Ids<B> stages{};        ///< recorded steps only: position, row and live of each run of layers with equally many rows
  Ids<B> key_positions{};    ///< [rows] when some rows are hidden from all queries: their positions, others too large to be seen
  bool keys_stand = false;   ///< the next layer's keys are in the cache already

  index_t rows() const { return x.rows(); }
  RowRange all() const { return {0, rows()}; }
  /// Newline and text rows.
  RowRange rest() const { return {vision, rows() - vision}; }
};

/// to = first, first + 1, ... from the host, without memory of its own.
template <class B, class E>
void upload_consecutive(E& be, index_t first, OutIds<B> to) {
  constexpr index_t chunk = 64;
  std::int32_t host[chunk];
  for (index_t i = 0; i < to.size(); i += chunk) {
    const index_t n = std::min(chunk, to.size() - i);
    for (index_t j = 0; j < n; ++j) host[j] = static_cast<std::int32_t>(first + i + j);
    be.upload(Span<const std::int32_t>(host, n), to.part(i, n));
  }
}

}  // namespace proxyv::inline v0
