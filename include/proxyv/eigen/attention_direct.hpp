// Attention for few queries, above all decoding one token: keys and values are streamed once, where they lie.
//
// A cache holds the heads of a key side by side. So the keys, not the heads, are dealt to the threads: a unit
// takes a run of them for all heads, block by block, and leaves sums that are joined at the end. How keys are
// cut into units depends on their number alone: results do not depend on the threads.
#pragma once

#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/weighted_sum.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t attention_direct_rows =
    12;                                     ///< queries x heads of a group that are not worth packing for
inline constexpr index_t direct_keys = 64;  ///< keys scored at a time
inline constexpr index_t direct_heads = Scratch::rows_floats / direct_keys;  ///< query heads, at most
inline constexpr index_t direct_unit = 2;  ///< blocks of keys in a unit, at least

/// What keys leave of each row (query and head): weighted values so far [dim], and the softmax's state.
struct DirectSums {
  float* values;
  index_t stride;     ///< from one query to the next
  OnlineRow* states;  ///< [queries, heads]

  static index_t floats(index_t queries, const Heads& heads) {
    return queries * heads.query * (heads.dim + 2);
  }
  /// Those of unit `unit`, in memory for all units.
  static DirectSums in(float* memory, index_t unit, index_t queries, const Heads& heads) {
    float* mine = memory + unit * floats(queries, heads);
    return {mine, heads.query_width(), reinterpret_cast<OnlineRow*>(mine + queries * heads.query_width())};
  }
  void clear(index_t queries, const Heads& heads) const {
    for (index_t i = 0; i < queries; ++i) std::fill_n(values + i * stride, heads.query_width(), 0.f);
    std::fill_n(states, queries * heads.query, OnlineRow{});
  }
};

/// A few queries, the first of the op's being number `first`.
struct DirectQueries {
  View<const float> q;
  View<float> o;
  const HostAttention* args;
  index_t first;

  const Heads& heads() const { return args->heads; }
};

/// Adds a block of keys to the sums of one query.
inline void attend_block(const DirectQueries& all, const KeyBlock& block, index_t query,
                         const DirectSums& sums, const Scratch& scratch) {
  const CpuKernels& k = *scratch.kernels;
  const Heads& heads = all.heads();
  const index_t limit = block.limit(all.first + query, 1);
  if (limit == 0) return;
  const float scale = log2e / std::sqrt(static_cast<float>(heads.dim));
  float* scores = scratch.rows();  // [heads, limit], rows direct_keys apart
  float* values = sums.values + query * sums.stride;
  k.key_scores(heads, all.q.row(query), block.keys(), block.key_stride(), limit, scores, direct_keys);
  for (index_t h = 0; h < heads.query; ++h) {
    block.hide(all.first + query, scores + h * direct_keys, limit);
    k.online_step(sums.states[query * heads.query + h], scores + h * direct_keys, limit, scale,
                  values + h * heads.dim, heads.dim);
  }
  k.add_key_values(heads, scores, direct_keys, block.values(), block.value_stride(), limit, values);
}

/// Blocks [range.begin, range.end) of the keys, for all queries.
inline void attend_blocks(const DirectQueries& all, Range range, const DirectSums& sums,
                          const Scratch& scratch) {
  sums.clear(all.q.rows(), all.heads());
  each_key_block(*all.args, direct_keys, range, [&](const KeyBlock& block) {
    for (index_t query = 0; query < all.q.rows(); ++query) attend_block(all, block, query, sums, scratch);
  });
}

/// Row `row` of the output from its state, the weighted values being there.
inline void finish_direct(const DirectQueries& all, index_t row, const OnlineRow& state,
                          const CpuKernels& k) {
  const Heads& heads = all.heads();
  const index_t head = row % heads.query;
  finish_row(k, *all.args, state, head / (heads.query / heads.kv) * heads.dim,
             all.o.row(row / heads.query) + head * heads.dim);
}

/// All keys on one thread, weighted values summed up in the output. Scratch: two floats a row.
inline void attend_alone(const DirectQueries& all, const Scratch& scratch) {
  const index_t rows = all.q.rows() * all.heads().query;
  const DirectSums sums{all.o.data(), all.o.stride(), reinterpret_cast<OnlineRow*>(scratch.panels())};
  attend_blocks(all, {0, count_key_blocks(*all.args, direct_keys)}, sums, scratch);
  for (index_t row = 0; row < rows; ++row) finish_direct(all, row, sums.states[row], *scratch.kernels);
}

/// Joins what the units left of one row, in their order.
inline void join_units(const DirectQueries& all, float* memory, index_t units, index_t row,
                       const CpuKernels& k) {
  const Heads& heads = all.heads();
  const index_t query = row / heads.query, column = row % heads.query * heads.dim;
  float* out = all.o.row(query) + column;
  OnlineRow whole;
  for (index_t u = 0; u < units; ++u)
    whole.top = std::max(whole.top, DirectSums::in(memory, u, all.q.rows(), heads).states[row].top);
  std::fill_n(out, heads.dim, 0.f);
  for (index_t u = 0; u < units; ++u) {
    const DirectSums part = DirectSums::in(memory, u, all.q.rows(), heads);
    if (part.states[row].top == minus_infinity) continue;
    const float by = std::exp2(part.states[row].top - whole.reference());
    whole.sum += by * part.states[row].sum;
    k.add_weighted_rows(&by, 1, part.values + query * part.stride + column, 0, out, heads.dim);
    if (std::isnan(by)) whole.top = by;
  }
  finish_direct(all, row, whole, k);
}

/// o = softmax(q k^T / sqrt(dim)) v over the visible keys, for few queries or large heads.
inline void attention_direct(View<const float> q, View<float> o, const HostAttention& args,
                             const Scratch* scratch, Team threads) {
  if (q.empty()) return;
  const Heads& heads = args.heads;
  PROXYV_CHECK(heads.query <= direct_heads, ShapeError, "attention: ", heads.query, " query heads, at most ",
               direct_heads, " for few queries or heads as large as these");
  if (q.rows() * heads.query * heads.dim < serial_work / 16 / std::max<index_t>(args.keys(), 1)) threads = 1;
  const index_t blocks = count_key_blocks(args, direct_keys), each = DirectSums::floats(q.rows(), heads);
  const index_t units = std::min((blocks + direct_unit - 1) / direct_unit, Scratch::panels_floats / each);
  if (units < 2) {
    return parallel_for(threads, q.rows(), [&](index_t i, int thread) {
      attend_alone({q.row_range(i, 1), o.row_range(i, 1), &args, i}, scratch[thread]);
    });
  }
  const DirectQueries all{q, o, &args, 0};
  float* memory = scratch[0].panels();
  parallel_for(threads, units, [&](index_t unit, int thread) {
    attend_blocks(all, share(blocks, units, unit), DirectSums::in(memory, unit, q.rows(), heads),
                  scratch[thread]);
  });
  for (index_t row = 0; row < q.rows() * heads.query; ++row)
    join_units(all, memory, units, row, *scratch->kernels);
}

}  // namespace detail
}  // namespace proxyv::inline v0
