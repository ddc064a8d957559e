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

// In pairs twice as many of the first two.
inline constexpr index_t attention_keys = 512;  ///< keys packed at a time, at most
inline constexpr index_t attention_unit = 768;  ///< rows (queries x heads) that share packed keys, at most
inline constexpr index_t attention_rows = 48;   ///< queries that are worth packing keys for
inline constexpr index_t attention_group = 64;  ///< query heads per unit, at most
inline constexpr index_t attention_queries = 96 * 1024;  ///< floats of a unit's packed queries, at most
inline constexpr index_t attention_packed_dim = 1024;    ///< largest head that is packed

/// What a prompt's attention multiplies with: floats, or pairs of bf16, which are two steps of a product's
/// depth (the head's dimension, then the keys) at once.
struct AttentionProducts {
  index_t together;
  decltype(CpuKernels::pack_rows) pack_queries;
  decltype(CpuKernels::pack_panel) pack_keys;
  decltype(CpuKernels::pack_panel_plain) pack_values;
  decltype(CpuKernels::pack_narrow) pack_narrow;
  decltype(CpuKernels::tile) tile;
  decltype(CpuKernels::tile_in_place) tile_in_place;
  decltype(CpuKernels::narrow_tile) narrow_tile;

  static AttentionProducts of(const CpuKernels& k, bool pairs) {
    if (!pairs)
      return {1,      k.pack_rows,     k.pack_panel, k.pack_panel_plain, k.pack_narrow,
              k.tile, k.tile_in_place, k.narrow_tile};
    return {2,
            k.pack_row_pairs,
            k.pack_key_pairs,
            k.pack_value_pairs,
            k.pack_narrow_pairs,
            k.tile_pairs,
            k.tile_pairs_in_place,
            k.narrow_tile_pairs};
  }
  /// Steps that hold a depth; the last one may be half empty.
  index_t steps(index_t depth) const { return (depth + together - 1) / together; }
  bool pairs() const { return together == 2; }
};

/// Where a thread's scratch holds what during attention.
struct AttentionScratch {
  /// Beyond the keys of a row of scores: rows a power of two apart would meet in the first cache.
  static constexpr index_t gap = 16;
  static constexpr index_t tile = tile_rows * (2 * attention_keys + gap);

  const CpuKernels* k;
  AttentionProducts products;
  index_t keys_per_block;
  float *keys, *values;  ///< packed
  float* scores;         ///< of a tile, [tile_rows, keys_per_block], then its weights
  index_t stride;        ///< from one row of them to the next
  float* queries;        ///< packed, of all the unit's heads
  OnlineRow* rows;       ///< [heads, queries]

  AttentionScratch(const Scratch& scratch, index_t dim)
      : k(scratch.kernels), products(AttentionProducts::of(*k, scratch.bf16_products)) {
    const index_t cols = k->panel_cols;
    const index_t padded = (dim + cols - 1) / cols * cols;
    const index_t fit = Scratch::panels_floats * products.together / (dim + 1 + padded) / cols * cols;
    keys_per_block = std::min(products.together * attention_keys, fit);
    keys = scratch.panels();
    values = keys + keys_per_block * products.steps(dim);
    scores = scratch.rows();
    stride = keys_per_block + gap;
    queries = scores + tile;
    rows = reinterpret_cast<OnlineRow*>(queries + attention_queries + 64);
  }
};
static_assert(AttentionScratch::tile + attention_queries + 64 + 2 * attention_unit * 2 <=
              Scratch::rows_floats);
static_assert(tile_rows * attention_group <= attention_unit);
static_assert(tile_rows * attention_packed_dim <= attention_queries);
static_assert(attention_keys <= block_depth && attention_packed_dim <= 2 * block_depth);
static_assert(most_panel_cols * (2 * attention_packed_dim + 1) <= Scratch::panels_floats);

/// How the work is cut: runs of queries times key/value heads times parts of a head's group.
struct AttentionUnits {
  index_t blocks, kv, parts;

  AttentionUnits(index_t queries, const Heads& heads, const AttentionProducts& products, int threads)
      : kv(heads.kv) {
    const index_t group = heads.query / heads.kv;
    const index_t fit = attention_queries / products.steps(heads.dim);  // rows whose packed queries fit
    const index_t most_heads = std::min(attention_group, fit / tile_rows);
    parts = (group + most_heads - 1) / most_heads;
    const index_t together = (group + parts - 1) / parts;
    const index_t rows = std::min(products.together * attention_unit, fit) / together / tile_rows * tile_rows;
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
  const AttentionProducts& p = s.products;
  const index_t panel_width = s.k->panel_cols;
  const Operand keys = Operand::rows(block.keys() + column, block.key_stride());
  for (index_t j = 0; j < block.size(); j += panel_width)
    p.pack_keys(keys, j, std::min<index_t>(panel_width, block.size() - j), 0, dim, s.keys + j * p.steps(dim));
  bool finite = true;
  for (index_t d = 0; d < dim; d += panel_width) {
    const index_t cols = std::min<index_t>(panel_width, dim - d);
    const auto pack = cols <= s.k->narrow_cols ? p.pack_narrow : p.pack_values;
    finite &= pack(block.values() + column + d, block.value_stride(), cols, block.size(),
                   s.values + d * p.steps(s.keys_per_block));
  }
  return finite;
}

/// Some queries of a unit, as many as the kernel takes at once, of one head; and how many keys of a block
/// they need.
struct QueryTile {
  index_t query;  ///< of the unit's
  int rows;
  index_t limit;
  index_t head = 0;
};

/// Packs the queries of all the unit's heads, tile by tile.
inline void pack_queries(const AttentionUnit& unit, const Tiles& tiles, const AttentionScratch& s) {
  const index_t dim = unit.dim(), steps = s.products.steps(dim);
  for (index_t h = 0; h < unit.heads; ++h)
    for (index_t t = 0; t < tiles.count(); ++t)
      s.products.pack_queries(unit.q.row(unit.first + tiles.begin(t)) + (unit.head + h) * dim,
                              unit.q.stride(), tiles.height(t), dim,
                              s.queries + (h * unit.queries + tiles.begin(t)) * steps);
}

/// Raw scores [rows, limit] against the packed keys.
inline void score(const AttentionUnit& unit, const QueryTile& tile, const AttentionScratch& s) {
  const index_t steps = s.products.steps(unit.dim()), panel_width = s.k->panel_cols;
  const float* queries = s.queries + (tile.head * unit.queries + tile.query) * steps;
  for (index_t j = 0; j < tile.limit; j += panel_width)
    s.products.tile(tile.rows, steps, queries, s.keys + j * steps, s.scores + j, s.stride, false,
                    panel_width);
}

/// Scores become weights where they stand; pairs of bf16 in the first half of their place, unless values are
/// not `finite`.
inline void weigh(const AttentionUnit& unit, const KeyBlock& block, bool finite, const QueryTile& tile,
                  const AttentionScratch& s) {
  const float scale = log2e / std::sqrt(static_cast<float>(unit.dim()));
  const index_t query = unit.first + tile.query, stride = s.stride,
                whole = (tile.limit + s.k->lanes - 1) / s.k->lanes * s.k->lanes;
  for (index_t r = 0; r < tile.rows; ++r) {
    float* scores = s.scores + r * stride;
    block.hide(query + r, scores, tile.limit);
    // Whole packets: a row's sum must not depend on where its tile ends.
    std::fill(scores + tile.limit, scores + whole, minus_infinity);
  }
  OnlineRow* state = s.rows + tile.head * unit.queries + tile.query;
  float* out = unit.out(query, tile.head);
  if (s.products.pairs() && finite)
    return s.k->weigh_pairs(state, s.scores, stride, tile.rows, tile.limit, scale, out, unit.o.stride(),
                            unit.dim());
  for (index_t r = 0; r < tile.rows; ++r)
    s.k->online_step(state[r], s.scores + r * stride, whole, scale, out + r * unit.o.stride(), unit.dim());
}

/// out += weights * values; values that are not finite are multiplied only where a weight is not 0.
inline void add_values(const AttentionUnit& unit, const KeyBlock& block, bool finite, const QueryTile& tile,
                       const AttentionScratch& s) {
  const index_t dim = unit.dim(), panel_width = s.k->panel_cols, steps = s.products.steps(tile.limit);
  float* out = unit.out(unit.first + tile.query, tile.head);
  for (index_t r = 0; !finite && r < tile.rows; ++r)
    s.k->add_weighted_rows(s.scores + r * s.stride, tile.limit, block.values() + unit.kv * dim,
                           block.value_stride(), out + r * unit.o.stride(), dim);
  for (index_t d = 0; finite && d < dim; d += panel_width) {
    const index_t cols = std::min<index_t>(panel_width, dim - d);
    const float* values = s.values + d * s.products.steps(s.keys_per_block);
    if (cols <= s.k->narrow_cols)
      s.products.narrow_tile(tile.rows, steps, s.scores, s.stride, values, out + d, unit.o.stride(), cols);
    else
      s.products.tile_in_place(tile.rows, steps, s.scores, s.stride, values, out + d, unit.o.stride(), true,
                               cols);
  }
}

inline void attend_unit(const AttentionUnit& unit, const Scratch& scratch) {
  const HostAttention& args = *unit.args;
  const index_t dim = unit.dim();
  const AttentionScratch s(scratch, dim);
  const Tiles tiles{unit.queries};
  pack_queries(unit, tiles, s);
  std::fill_n(s.rows, unit.heads * unit.queries, OnlineRow{});
  for (index_t i = 0; i < unit.queries; ++i) std::fill_n(unit.out(unit.first + i, 0), unit.heads * dim, 0.f);

  each_sorted_block(args, s.keys_per_block, [&](const KeyBlock& block) {
    if (block.limit(unit.first, unit.queries) == 0) return;
    const bool finite = pack_block(block, unit.kv * dim, dim, s);
    for (index_t t = 0; t < tiles.count(); ++t) {
      QueryTile tile{tiles.begin(t), tiles.height(t),
                     block.limit(unit.first + tiles.begin(t), tiles.height(t))};
      for (; tile.limit > 0 && tile.head < unit.heads; ++tile.head) {
        score(unit, tile, s);
        weigh(unit, block, finite, tile, s);
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

  const auto products = AttentionProducts::of(*scratch->kernels, scratch->bf16_products);
  const AttentionUnits units(q.rows(), heads, products, threads);
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
