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
    auto seen = frame.matrix(normed.rows(), attention.heads().query_width());
    attention.queries(be, normed, rotary, q);
    be.attention(q, seen, args);
    attention.add_output(be, seen, x);
  }

  /// x += ffn(post_norm(x)).
  template <class E>
    requires NormOps<E> && SameTensorsAs<E, B>
  void feed_forward(E& be, Out<B> x) const {
    auto frame = be.frame();
    auto normed = frame.matrix(x.rows(), x.cols());
    post_norm(be, x, normed);
    ffn.add_to(be, normed, x);
  }
};

/// Attention arguments over rows [0, rows) of a layer's cache. Rows [0, past) were there before and are
/// seen by every query: they are older, even where packed decode positions, after text was cut, lie
/// before an image's last tokens. The rows from `past` on are seen by position.
template <class B>
AttentionArgsOf<B> causal_over_cache(const KvCache<B>& cache, index_t layer, index_t rows, const Heads& heads, Ids<B> queries, index_t past = 0) {
  AttentionArgsOf<B> args(heads, queries);
  const auto add = [&](index_t begin, index_t count, Visible visible) {
    args.add({.keys = cache.keys(layer, begin, count),
              .values = cache.values(layer, begin, count),
              .visible = visible,
              .positions = cache.positions(begin, count)});
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
    const index_t n = s.rows(), known = s.past + n;
    {
      auto frame = be.frame();
      auto normed = frame.matrix(n, s.x.cols());
      block_.input_norm(be, s.x, normed);
      block_.attention.keys_values(be, normed, s.rotary, s.cache->keys(layer, s.past, n), s.cache->values(layer, s.past, n));
      block_.attend(be, normed.row_range(wanted.begin, wanted.count), s.rotary.row_range(wanted.begin, wanted.count),
                    causal_over_cache(*s.cache, layer, known, block_.attention.heads(), s.positions.part(wanted.begin, wanted.count), s.past),
                    s.x.row_range(wanted.begin, wanted.count));
    }
    block_.feed_forward(be, s.x.row_range(wanted.begin, wanted.count));
  }

  const DecoderBlock<B>& block() const { return block_; }

 private:
  DecoderBlock<B> block_;
};

}  // namespace proxyv::inline v0
