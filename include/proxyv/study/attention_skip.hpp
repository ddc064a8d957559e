// The study of attention: vision rows are looked at but do not look.
#pragma once

#include "proxyv/layers/decoder_layer.hpp"

namespace proxyv::inline v0 {

/// A decoder layer in which vision rows have no attention, only their FFN. With `KeepsValue` each gets its
/// own value through the output projection, which is what attention to itself alone would give: the form
/// whose FLOPs the paper prints. Source: ProxyV section 2.3.
template <class B, class Cfg, bool KeepsValue>
class AttentionSkipLayer {
 public:
  explicit AttentionSkipLayer(const DecoderBlock<B>& block) : plain_(block) {}

  /// As DecoderLayer; a vision row costs no query, no scores and, unless its value is kept, no output
  /// projection.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    plain_.attend(be, layer, s, wanted.from(s.vision));
    if constexpr (KeepsValue) add_values(be, layer, s, wanted.before(s.vision));
    plain_.block().feed_forward(be, s.x.row_range(wanted.begin, wanted.count));
  }

  const DecoderBlock<B>& block() const { return plain_.block(); }

 private:
  /// x += o_proj(own value), each key/value head's once per query head of its group.
  template <class E>
  void add_values(E& be, index_t layer, Stream<B>& s, RowRange rows) const {
    if (rows.count == 0) return;
    const auto& attention = plain_.block().attention;
    const Heads& heads = attention.heads();
    const In<B> values = s.cache->values(layer, rows.begin, rows.count);
    const auto x = s.x.row_range(rows.begin, rows.count);
    if (heads.query == heads.kv) return attention.add_output(be, values, x);
    auto frame = be.frame();
    auto wide = frame.matrix(rows.count, heads.query_width());
    const index_t group = heads.query / heads.kv;
    for (index_t h = 0; h < heads.query; ++h)
      be.copy(values.col_range(h / group * heads.dim, heads.dim), wide.col_range(h * heads.dim, heads.dim));
    attention.add_output(be, wide, x);
  }

  DecoderLayer<B, Cfg> plain_;
};

template <class B, class Cfg>
using AttentionDropLayer = AttentionSkipLayer<B, Cfg, false>;
template <class B, class Cfg>
using AttentionKeepLayer = AttentionSkipLayer<B, Cfg, true>;

}  // namespace proxyv::inline v0
