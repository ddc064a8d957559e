// The study without training: from a layer on, vision rows do not look at each other.
#pragma once

#include "proxyv/layers/decoder_layer.hpp"
#include "proxyv/proxy/token_layout.hpp"
#include "proxyv/study/variant.hpp"

namespace proxyv::inline v0 {

/// May row `query` look at row `key` in such a layer, both packed [vision | newline | text]?
inline bool vision_mask_sees(const TokenLayout& layout, index_t query, index_t key, bool keep_self) {
  const bool between_vision = query < layout.vision() && key < layout.vision();
  return layout.sees(query, key) && (!between_vision || (keep_self && query == key));
}

/// A decoder layer in which vision rows see earlier newlines and text and, if asked to, themselves;
/// newlines and text see everything before them. Any trained weights do. No mask exists anywhere: the vision
/// rows' attention is over few keys. Source: ProxyV section 2.2.
template <class B, class Cfg>
class VisionMaskLayer {
 public:
  VisionMaskLayer(const DecoderBlock<B>& block, const StudyVariant& study) : plain_(block), study_(study) {}

  /// As DecoderLayer; of the attention, each vision row costs (newlines + text + 1) keys.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    if (wanted.before(s.vision).count == 0) {
      plain_.attend(be, layer, s, wanted);
    } else {
      attend(be, layer, s, wanted);
    }
    block().feed_forward(be, s.x.row_range(wanted.begin, wanted.count));
  }

  const DecoderBlock<B>& block() const { return plain_.block(); }

 private:
  /// Two attentions: the vision rows' and that of the rest.
  template <class E>
  void attend(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    const RowRange vision = wanted.before(s.vision), rest = wanted.from(s.vision);
    const Heads& heads = block().attention.heads();
    auto frame = be.frame();
    auto normed = frame.matrix(s.rows(), s.x.cols());
    auto q = frame.matrix(wanted.count, heads.query_width()),
         seen = frame.matrix(wanted.count, heads.query_width());
    plain_.project(be, layer, s, wanted, normed, q);
    together(be, [&] {
      if (rest.count > 0)
        be.attention(q.row_range(vision.count, rest.count), seen.row_range(vision.count, rest.count),
                     causal_over_cache(*s.cache, layer, s.rows(), heads,
                                       s.positions.part(rest.begin, rest.count), 0, s.key_positions));
      be.attention(q.row_range(0, vision.count), seen.row_range(0, vision.count),
                   of_vision(layer, s, vision));
    });
    block().attention.add_output(be, seen, s.x.row_range(wanted.begin, wanted.count));
  }

  AttentionArgsOf<B> of_vision(index_t layer, const Stream<B>& s, RowRange rows) const {
    AttentionArgsOf<B> args(block().attention.heads(), s.positions.part(rows.begin, rows.count),
                            study_.empty_row);
    const auto add = [&](RowRange keys, Visible visible) {
      args.add({.keys = s.cache->keys(layer, keys.begin, keys.count),
                .values = s.cache->values(layer, keys.begin, keys.count),
                .visible = visible,
                .positions = s.key_positions.empty() ? Ids<B>(s.cache->positions(keys.begin, keys.count))
                                                     : s.key_positions.part(keys.begin, keys.count)});
    };
    if (study_.keep_self) {
      add(rows, Visible::self);
    } else if (study_.empty_row == EmptyRow::uniform) {
      add({0, s.vision}, Visible::none);
    }
    add(s.rest(), Visible::causal);
    return args;
  }

  DecoderLayer<B, Cfg> plain_;
  StudyVariant study_;
};

}  // namespace proxyv::inline v0
