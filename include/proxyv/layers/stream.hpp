// Stream: everything that flows through the layers of a decoder for one prompt or one token.
#pragma once

#include "proxyv/layers/kv_cache.hpp"

namespace proxyv::inline v0 {

/// A run of rows.
struct RowRange {
  index_t begin = 0;
  index_t count = 0;
};

/// The residual stream in packed order [vision | newline | text], and what its rows need.
template <class B>
struct Stream {
  Out<B> x;               ///< [rows, hidden] residual stream
  index_t vision = 0;     ///< leading rows that are full vision tokens
  Ids<B> positions;       ///< [rows] in reading order
  Table<B> rotary;        ///< [rows, head_dim]
  KvCache<B>* cache = nullptr;
  index_t past = 0;       ///< cache rows before these
  Ids<B> row{};           ///< [1] recorded steps only: the cache row of the one token; `past` then says nothing
  Ids<B> live{};          ///< [1] recorded steps only: row[0] + 1

  index_t rows() const { return x.rows(); }
  RowRange all() const { return {0, rows()}; }
  /// Newline and text rows.
  RowRange rest() const { return {vision, rows() - vision}; }
};

}  // namespace proxyv::inline v0
