// The plain decoder layer: attention over everything that came before, then the FFN, on every row.
#pragma once

#include "proxyv/layers/attention.hpp"
#include "proxyv/layers/ffn.hpp"
#include "proxyv/layers/norm.hpp"
#include "proxyv/layers/stream.hpp"

namespace proxyv::inline v0 {

/// The parts of a decoder layer; all kinds of layers are built from them.
template <class B>
struct DecoderBlock {
  RmsNorm<B> input_norm;
  Attention<B> attention;
  RmsNorm<B> post_norm;
  Ffn<B> ffn;

  /// x += o_proj(attention(queries of normed; args)).
  /// normed [n, hidden], rotary [n, head_dim] in; x [n, hidden] in/out.
  template <class E>
    requires AttentionOps<E> && SameTensorsAs<E, B>
  void attend(E& be, In<B> normed, Table<B> rotary, const AttentionArgsOf<B>& args, Out<B> x) const {
    auto frame = be.frame();
    auto q = frame.matrix(normed.rows(), attention.heads().query_width());
    attention.queries(be, normed, rotary, q);
    look(be, q, args, x);
  }

  /// x += o_proj(attention(q; args)). q [n, query_width] in, rotated; x [n, hidden] in/out.
  template <class E>
    requires AttentionOps<E> && SameTensorsAs<E, B>
  void look(E& be, In<B> q, const AttentionArgsOf<B>& args, Out<B> x) const {
    auto frame = be.frame();
    auto seen = frame.matrix(q.rows(), q.cols());
    be.attention(q, seen, args);
    attention.add_output(be, seen, x);
  }

  /// x += ffn(post_norm(x)).
  template <class E>
    requires NormOps<E> && SameTensorsAs<E, B>
  void feed_forward(E& be, Out<B> x) const {
    ffn.add_normed_to(be, post_norm.norm(), x);
  }
};

/// Attention arguments over rows [0, rows) of a layer's cache. Rows [0, past) were there before and are
/// seen by every query: they are older, even where packed decode positions, after text was cut, lie
/// before an image's last tokens. The rows from `past` on are seen by position, their own being those of the cache
/// or, when given, key_positions [rows - past].
template <class B>
AttentionArgsOf<B> causal_over_cache(const KvCache<B>& cache, index_t layer, index_t rows, const Heads& heads, Ids<B> queries, index_t past = 0,
                                     Ids<B> key_positions = {}) {
  AttentionArgsOf<B> args(heads, queries);
  const auto add = [&](index_t begin, index_t count, Visible visible) {
    args.add({.keys = cache.keys(layer, begin, count),
              .values = cache.values(layer, begin, count),
              .visible = visible,
              .positions = key_positions.empty() || begin < past ? Ids<B>(cache.positions(begin, count)) : key_positions});
  };
  if (past > 0 && rows - past == 1) {  // one token sees all that is cached, and itself
    add(0, rows, Visible::all);
  } else {
    if (past > 0) add(0, past, Visible::all);
    add(past, rows - past, Visible::causal);
  }
  return args;
}

/// One vanilla decoder layer. Source: decoder_forward in llava_llama.py of the reference.
template <class B, class Cfg>
class DecoderLayer {
 public:
  explicit DecoderLayer(const DecoderBlock<B>& block) : block_(block) {}

  /// Runs layer `layer` on the stream: keys and values of all rows go to the cache, the residual
  /// stream moves on for the `wanted` rows (the others keep the state before the layer).
  /// Cost: 2 * rows * parameters + 4 * wanted * (past + rows) * query_width FLOPs.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    attend(be, layer, s, wanted);
    block_.feed_forward(be, s.x.row_range(wanted.begin, wanted.count));
  }

  /// The attention half of it: no FFN yet.
  template <class E>
    requires SameTensorsAs<E, B>
  void attend(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    auto frame = be.frame();
    auto normed = frame.matrix(s.rows(), s.x.cols());
    auto q = frame.matrix(wanted.count, block_.attention.heads().query_width());
    project(be, layer, s, wanted, normed, q);
    block_.look(be, q, visible(layer, s, wanted), s.x.row_range(wanted.begin, wanted.count));
  }

  const DecoderBlock<B>& block() const { return block_; }

  /// Keys and values of all rows into the cache, queries of the wanted ones.
  /// normed [rows, hidden] scratch; q [wanted, query_width] out.
  template <class E>
  void project(E& be, index_t layer, const Stream<B>& s, RowRange wanted, Out<B> normed, Out<B> q) const {
    const Attention<B>& attention = block_.attention;
    const bool recorded = !s.row.empty();
    const index_t begin = recorded ? 0 : s.past, count = recorded ? s.cache->capacity() : s.rows();
    const auto keys = s.cache->keys(layer, begin, count), values = s.cache->values(layer, begin, count);
    if (wanted.count == s.rows()) {
      auto all = attention.for_all(s.rotary, q, keys, values);
      all.row = s.row;
      if (s.keys_stand) all.k = {};
      return norm_heads<B>(be, s.x, block_.input_norm.norm(), normed, all);
    }
    block_.input_norm(be, s.x, normed);
    auto made = attention.for_keys_values(s.rotary, keys, values);
    if (s.keys_stand) made.k = {};
    project_heads<B>(be, normed, made);
    attention.queries(be, normed.row_range(wanted.begin, wanted.count), s.rotary.row_range(wanted.begin, wanted.count), q);
  }

 private:
  AttentionArgsOf<B> visible(index_t layer, const Stream<B>& s, RowRange wanted) const {
    const Heads& heads = block_.attention.heads();
    if (s.row.empty()) return causal_over_cache(*s.cache, layer, s.past + s.rows(), heads, s.positions.part(wanted.begin, wanted.count), s.past, s.key_positions);
    AttentionArgsOf<B> args(heads);
    args.add({.keys = s.cache->keys(layer, 0, s.cache->capacity()),
              .values = s.cache->values(layer, 0, s.cache->capacity()),
              .visible = Visible::all,
              .live = s.live,
              .settled = true});
    return args;
  }

  DecoderBlock<B> block_;
};

}  // namespace proxyv::inline v0
