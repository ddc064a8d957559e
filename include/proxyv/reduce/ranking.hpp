// Ranking vision tokens by the attention that a few rows pay to them: one row of attention per ranking row,
// whatever the engine's attention does with the others.
#pragma once

#include "proxyv/layers/attention.hpp"
#include "proxyv/model/stack.hpp"

namespace proxyv::inline v0 {
namespace reduce {

/// Queries of the rows that rank, rotated. normed [rows, hidden], s.rotary in; queries [ranking rows, width]
/// out.
template <class B, class E>
void ranking_queries(E& be, const Attention<B>& attention, In<B> normed, const Stream<B>& s,
                     const detail::PrefillFrame<B>& f, Out<B> queries) {
  for (index_t i = 0; i < f.ranked_by.size(); ++i) {
    const index_t row = f.ranked_by[i] - f.dropped;
    attention.queries(be, normed.row_range(row, 1), s.rotary.row_range(row, 1), queries.row_range(i, 1));
  }
}

/// scores [1, rows] out: how much the ranking rows look at each row: the mean over heads, then over those
/// rows, of the softmax over all rows they see, text included. keys [rows, kv width] rotated.
template <class B, class E>
  requires RankOps<E>
void attention_scores(E& be, const Heads& heads, In<B> queries, In<B> keys, const Stream<B>& s,
                      const detail::PrefillFrame<B>& f, Table<B> scores) {
  auto frame = be.frame();
  auto weights = frame.template matrix<float>(queries.rows() * heads.query, keys.rows());
  for (index_t i = 0; i < queries.rows(); ++i) {
    AttentionArgsOf<B> args(heads, s.positions.part(f.ranked_by[i] - f.dropped, 1));
    args.add({.keys = keys, .values = keys, .visible = Visible::causal, .positions = s.positions});
    be.attention_weights(queries.row_range(i, 1), args, weights.row_range(i * heads.query, heads.query));
  }
  be.sum_rows(weights, 1.f / static_cast<float>(weights.rows()), scores);
}

/// How many vision tokens stay, of `alive` in `crops` crops that were `original` in all.
struct KeepCount {
  index_t crops = 1;  ///< ranked apart
  index_t each = 0;   ///< kept in each

  KeepCount(const Keep& keep, bool per_crop, index_t original, index_t alive, index_t all_crops)
      : crops(per_crop ? all_crops : 1), each(std::min(keep.of(original / crops), alive / crops)) {}
  index_t all() const { return crops * each; }
};

/// kept [count.all()] out, ascending: the vision rows with the best scores [1, vision or more].
template <class B, class E>
  requires RankOps<E>
void keep_best(E& be, View<const float, SpaceOf<B>> scores, index_t vision, const KeepCount& count,
               OutIds<B> kept) {
  const index_t tokens = vision / count.crops;
  for (index_t c = 0; c < count.crops; ++c)
    be.keep_top(scores.col_range(c * tokens, tokens), 0, kept.part(c * count.each, count.each), c * tokens);
}

}  // namespace reduce
}  // namespace proxyv::inline v0
