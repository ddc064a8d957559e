// Attention for many queries: keys and values packed block by block, online softmax, no score-sized tensor.
//
// A unit of work is a run of queries over one key/value head. Its blocks of keys are packed once and
// serve all query heads of the group. How queries are cut into units changes no result. Few queries, and
// heads too large to pack, go to attention_direct.hpp.
#pragma once

#include "proxyv/eigen/attention_direct.hpp"
#include "proxyv/eigen/ops.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t attention_keys = 512;  ///< keys packed at a time, at most
inline constexpr index_t attention_rows = 48;   ///< queries scored at a time
inline constexpr index_t attention_unit = 768;  ///< rows (queries x heads) that share packed keys, at most
inline constexpr index_t attention_group = 64;  ///< query heads per unit, at most
inline constexpr index_t attention_queries = 96 * 1024;  ///< floats of a unit's packed queries, at most
inline constexpr index_t attention_packed_dim = 1024;    ///< largest head that is packed

/// Where a thread's scratch holds what during attention.
struct AttentionScratch {
  const CpuKernels* k;
  index_t keys_per_block;
  float *keys, *values;     ///< packed
  float *scores, *weights;  ///< [attention_rows, attention_keys]; the weights packed
  float* queries;           ///< packed, of all the unit's heads
  OnlineRow* rows;          ///< [heads, queries]

  AttentionScratch(const Scratch& scratch, index_t dim) : k(scratch.kernels) {
    const index_t cols = scratch.kernels->panel_cols;
    const index_t padded = (dim + cols - 1) / cols * cols;
    const index_t fit = Scratch::panels_floats / (dim + padded) / cols * cols;
    keys_per_block = std::min(attention_keys, fit);
    keys = scratch.panels();
    values = keys + keys_per_block * dim;
    constexpr index_t tile = attention_rows * attention_keys + 64;
    scores = scratch.rows();
    weights = scores + tile;
    queries = weights + tile;
    rows = reinterpret_cast<OnlineRow*>(queries + attention_queries + 64);
  }
};
static_assert(2 * (attention_rows * attention_keys + 64) + attention_queries + 64 +
                  attention_group * attention_rows * 2 <=
              Scratch::rows_floats);
static_assert(attention_unit <= attention_group * attention_rows);
static_assert(attention_rows * attention_packed_dim <= attention_queries);
static_assert(2 * most_panel_cols * attention_packed_dim <= Scratch::panels_floats);

/// How the work is cut: runs of queries times key/value heads times parts of a head's group.
struct AttentionUnits {
  index_t blocks, kv, parts;

  AttentionUnits(index_t queries, const Heads& heads, int threads) : kv(heads.kv) {
    const index_t group = heads.query / heads.kv;
    const index_t fit = attention_queries / heads.dim;  // rows whose packed queries fit
    const index_t most_heads = std::min(attention_group, fit / attention_rows);
    parts = (group + most_heads - 1) / most_heads;
    const index_t together = (group + parts - 1) / parts;
    const index_t most_rows = std::min(attention_unit, fit) / together / attention_rows * attention_rows;
    const index_t rows = std::max(attention_rows, most_rows);
    // Large units pack keys less often, but every thread should get a few.
    const index_t wanted = threads > 1 ? (4 * threads + kv * parts - 1) / (kv * parts) : 1;
    blocks = std::max((queries + rows - 1) / rows,
                      std::min(wanted, (queries + attention_rows - 1) / attention_rows));
  }
  index_t count() const { return blocks * kv * parts; }
};

/// A unit: queries [first, first + queries), query heads [head, head + heads), all of key/value head `kv`.
struct AttentionUnit {
  View<const float> q;
  View<float> o;
  const HostAttention* args;
  index_t first, queries, head, heads, kv;

  index_t dim() const { return args->heads.dim; }
  float* out(index_t query, index_t h) const { return o.row(query) + (head + h) * dim(); }
};

/// Packs a block; false when a value is not finite, so that it must not be multiplied by a weight of 0.
inline bool pack_block(const KeyBlock& block, index_t column, index_t dim, const AttentionScratch& s) {
  const index_t panel_width = s.k->panel_cols;
  const Operand keys = Operand::rows(block.keys() + column, block.key_stride());
  for (index_t j = 0; j < block.size(); j += panel_width)
    s.k->pack_panel(keys, j, std::min<index_t>(panel_width, block.size() - j), 0, dim, s.keys + j * dim);
  bool finite = true;
  for (index_t d = 0; d < dim; d += panel_width) {
    const index_t cols = std::min<index_t>(panel_width, dim - d);
    const auto pack = cols <= s.k->narrow_cols ? s.k->pack_narrow : s.k->pack_panel_plain;
    finite &= pack(block.values() + column + d, block.value_stride(), cols, block.size(),
                   s.values + d * s.keys_per_block);
  }
  return finite;
}

/// Up to attention_rows queries of one head, cut into the kernel's tiles, and how many keys of a block each
/// tile needs.
struct QueryTile {
  index_t query, rows, head;
  Tiles tiles;
  index_t limits[attention_rows / tile_rows + 1];

  QueryTile(const KeyBlock& block, index_t q, index_t n, index_t h) : query(q), rows(n), head(h), tiles{n} {
    for (index_t t = 0; t < tiles.count(); ++t) limits[t] = block.limit(q + tiles.begin(t), height(t));
  }
  int height(index_t t) const { return static_cast<int>(tiles.begin(t + 1) - tiles.begin(t)); }
  index_t largest() const { return *std::max_element(limits, limits + tiles.count()); }
};

/// Packs the queries of all the unit's heads, tile by tile as score() reads them.
inline void pack_queries(const AttentionUnit& unit, const AttentionScratch& s) {
  const index_t dim = unit.dim();
  for (index_t h = 0; h < unit.heads; ++h) {
    for (index_t i = 0; i < unit.queries; i += attention_rows) {
      const Tiles tiles{std::min(attention_rows, unit.queries - i)};
      for (index_t t = 0; t < tiles.count(); ++t) {
        const index_t row = i + tiles.begin(t);
        s.k->pack_rows(unit.q.row(unit.first + row) + (unit.head + h) * dim, unit.q.stride(),
                       static_cast<int>(tiles.begin(t + 1) - tiles.begin(t)), dim,
                       s.queries + (h * unit.queries + row) * dim);
      }
    }
  }
}

/// Raw scores [rows, limit] against the packed keys.
inline void score(const AttentionUnit& unit, const QueryTile& tile, const AttentionScratch& s) {
  const index_t dim = unit.dim(), limit = tile.largest(), panel_width = s.k->panel_cols;
  const float* queries = s.queries + (tile.head * unit.queries + tile.query - unit.first) * dim;
  for (index_t j = 0; j < limit; j += panel_width) {
    for (index_t t = 0; t < tile.tiles.count(); ++t) {
      const index_t row = tile.tiles.begin(t);
      if (j < tile.limits[t])
        s.k->tile(tile.height(t), dim, queries + row * dim, s.keys + j * dim,
                  s.scores + row * attention_keys + j, attention_keys, false, panel_width);
    }
  }
}

/// Scores become weights, packed for the kernel.
inline void weigh(const AttentionUnit& unit, const KeyBlock& block, const QueryTile& tile, OnlineRow* state,
                  const AttentionScratch& s) {
  const float scale = log2e / std::sqrt(static_cast<float>(unit.dim()));
  for (index_t t = 0; t < tile.tiles.count(); ++t) {
    const index_t first = tile.tiles.begin(t), limit = tile.limits[t],
                  whole = (limit + s.k->lanes - 1) / s.k->lanes * s.k->lanes;
    for (index_t r = first; r < tile.tiles.begin(t + 1); ++r) {
      float* scores = s.scores + r * attention_keys;
      block.hide(tile.query + r, scores, limit);
      // Whole packets: a row's sum must not depend on where its tile ends.
      std::fill(scores + limit, scores + whole, minus_infinity);
      s.k->online_step(state[r], scores, whole, scale, unit.out(tile.query + r, tile.head), unit.dim());
    }
    s.k->pack_rows(s.scores + first * attention_keys, attention_keys, tile.height(t), limit,
                   s.weights + first * attention_keys);
  }
}

/// out += weights * values; values that are not finite are multiplied only where a weight is not 0.
inline void add_values(const AttentionUnit& unit, const KeyBlock& block, bool finite, const QueryTile& tile,
                       const AttentionScratch& s) {
  const index_t dim = unit.dim(), panel_width = s.k->panel_cols;
  for (index_t t = 0; !finite && t < tile.tiles.count(); ++t)
    for (index_t r = tile.tiles.begin(t); r < tile.tiles.begin(t + 1); ++r)
      s.k->add_weighted_rows(s.scores + r * attention_keys, tile.limits[t], block.values() + unit.kv * dim,
                             block.value_stride(), unit.out(tile.query + r, tile.head), dim);
  for (index_t d = 0; finite && d < dim; d += panel_width) {
    const index_t cols = std::min<index_t>(panel_width, dim - d);
    const float* values = s.values + d * s.keys_per_block;
    for (index_t t = 0; t < tile.tiles.count(); ++t) {
      const index_t row = tile.tiles.begin(t);
      if (tile.limits[t] == 0) continue;
      const float* weights = s.weights + row * attention_keys;
      float* out = unit.out(tile.query + row, tile.head) + d;
      if (cols <= s.k->narrow_cols) {
        s.k->narrow_tile(tile.height(t), tile.limits[t], weights, values, out, unit.o.stride(), cols);
      } else {
        s.k->tile(tile.height(t), tile.limits[t], weights, values, out, unit.o.stride(), true, cols);
      }
    }
  }
}

inline void attend_unit(const AttentionUnit& unit, const Scratch& scratch) {
  const HostAttention& args = *unit.args;
  const index_t dim = unit.dim();
  const AttentionScratch s(scratch, dim);
  pack_queries(unit, s);
  std::fill_n(s.rows, unit.heads * unit.queries, OnlineRow{});
  for (index_t i = 0; i < unit.queries; ++i) std::fill_n(unit.out(unit.first + i, 0), unit.heads * dim, 0.f);

  each_sorted_block(args, s.keys_per_block, [&](const KeyBlock& block) {
    if (block.limit(unit.first, unit.queries) == 0) return;
    const bool finite = pack_block(block, unit.kv * dim, dim, s);
    for (index_t i = 0; i < unit.queries; i += attention_rows) {
      QueryTile tile(block, unit.first + i, std::min(attention_rows, unit.queries - i), 0);
      if (tile.largest() == 0) continue;
      for (tile.head = 0; tile.head < unit.heads; ++tile.head) {
        score(unit, tile, s);
        weigh(unit, block, tile, s.rows + tile.head * unit.queries + i, s);
        add_values(unit, block, finite, tile, s);
      }
    }
  });
  for (index_t h = 0; h < unit.heads; ++h)
    for (index_t i = 0; i < unit.queries; ++i)
      finish_row(*s.k, args, s.rows[h * unit.queries + i], unit.kv * dim, unit.out(unit.first + i, h));
}

/// o = softmax(q k^T / sqrt(dim)) v over the visible keys.
template <class DefinedIn>
void CpuOps<DefinedIn>::attention(View<const float> q, View<float> o, const HostAttention& args,
                                  const Scratch* scratch, Team threads) {
  const Heads& heads = args.heads;
  const index_t group = heads.query / heads.kv;
  if (q.rows() * group <= attention_direct_rows || heads.dim > attention_packed_dim)
    return attention_direct(q, o, args, scratch, threads);

  const AttentionUnits units(q.rows(), heads, threads);
  parallel_for(threads, units.count(), [&](index_t task, int thread) {
    // Later queries see more keys: they are dealt first.
    const index_t block = units.blocks - 1 - task / (units.kv * units.parts);
    const Range rows = share(q.rows(), units.blocks, block, tile_rows);
    const Range part = share(group, units.parts, task % units.parts);
    const index_t kv = task / units.parts % units.kv;
    if (rows.size() == 0 || part.size() == 0) return;
    attend_unit({q, o, &args, rows.begin, rows.size(), kv * group + part.begin, part.size(), kv},
                scratch[thread]);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
