// The ProxyV decoder layer: proxies, newlines and text think; full vision tokens are looked at and
// then follow their proxies.
#pragma once

#include <utility>

#include "proxyv/layers/decoder_layer.hpp"
#include "proxyv/proxy/proxy_stream.hpp"

namespace proxyv::inline v0 {

/// One ProxyV layer.
///
/// Keys and values come from all rows (vision, proxies, newlines, text); only proxies, newlines and
/// text have queries and an FFN. Proxies see proxies, newlines and text; newlines and text see
/// vision, newlines and text. Then Update moves the vision rows. Proxies leave no trace in the cache.
/// Source: ProxyV section 3.2; LlavaLlamaModel.forward in llava_llama.py of the reference.
template <class B, class Cfg, template <class, class> class Update>
class ProxyLayer {
 public:
  ProxyLayer(const DecoderBlock<B>& block, Update<B, Cfg> update) : plain_(block), update_(std::move(update)) {}

  /// Runs layer `layer` of a prompt. s.x holds the vision rows, p.focus the others. next: the input norm of
  /// the layer that follows, which the vision rows leave with; empty after the last.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p, const Norm<B>& next = {}) const {
    norm_vision(be, s, p);
    {
      const index_t n = p.focus.rows(), rest = n - p.proxies, width = s.cache->width(), q_width = block().attention.heads().query_width();
      auto frame = be.frame();
      auto normed = frame.matrix(n, p.focus.cols());
      auto keys = frame.matrix(n, width), values = frame.matrix(n, width);
      auto q = frame.matrix(n, q_width), seen = frame.matrix(n, q_width);
      block().input_norm(be, p.focus, normed);
      together(be, [&] {
        project_heads<B>(be, p.vision_normed, vision_projection(layer, s));
        project_heads<B>(be, normed, block().attention.for_all(p.rotary, q, keys, values));
      });
      be.copy(keys.row_range(p.proxies, rest), s.cache->keys(layer, s.vision, rest));
      be.copy(values.row_range(p.proxies, rest), s.cache->values(layer, s.vision, rest));
      if (p.savings.split_attention) {
        attend_split(be, layer, s, p, q, keys, values, seen);
      } else {
        attend_masked(be, layer, s, p, q, keys, values, seen);
      }
      block().attention.add_output(be, seen, p.focus);
    }
    feed_forward_and_update(be, s, p, next);
    p.vision_is_normed = !next.gain.empty();
  }

  /// The last layer when only some newline or text rows are wanted: keys and values of every row
  /// that stays in the cache, the rest of the layer for those rows alone. Proxies and the update
  /// would influence nothing.  wanted: rows of [newline | text].
  template <class E>
    requires SameTensorsAs<E, B>
  void last_rows_only(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p, RowRange wanted) const {
    norm_vision(be, s, p);
    auto rest = p.rest_rows();
    auto rotary = p.rotary.row_range(p.proxies, rest.rows());
    {
      auto frame = be.frame();
      auto normed = frame.matrix(rest.rows(), rest.cols());
      block().input_norm(be, rest, normed);
      together(be, [&] {
        project_heads<B>(be, p.vision_normed, vision_projection(layer, s));
        block().attention.keys_values(be, normed, rotary, s.cache->keys(layer, s.vision, rest.rows()),
                                      s.cache->values(layer, s.vision, rest.rows()));
      });
      block().attend(be, normed.row_range(wanted.begin, wanted.count), rotary.row_range(wanted.begin, wanted.count),
                     causal_over_cache(*s.cache, layer, s.rows(), block().attention.heads(),
                                       p.positions.part(p.proxies + wanted.begin, wanted.count)),
                     rest.row_range(wanted.begin, wanted.count));
    }
    block().feed_forward(be, rest.row_range(wanted.begin, wanted.count));
  }

  Norm<B> input_norm() const { return block().input_norm.norm(); }

  /// The layer for tokens that come after the prompt: a plain decoder layer.
  const DecoderLayer<B, Cfg>& plain() const { return plain_; }

  template <class E>
  void fold(E& be) {
    update_.fold(be);
  }
  void drop_plain_update() { update_.drop_plain(); }

 private:
  const DecoderBlock<B>& block() const { return plain_.block(); }

  /// Fills p.vision_normed unless the layer before has.
  template <class E>
  void norm_vision(E& be, const Stream<B>& s, ProxyStream<B>& p) const {
    if (p.vision_is_normed) return;
    block().input_norm(be, s.x.row_range(0, s.vision), p.vision_normed);
    p.vision_is_normed = true;
  }

  HeadsProjection<B> vision_projection(index_t layer, const Stream<B>& s) const {
    return block().attention.for_keys_values(s.rotary.row_range(0, s.vision), s.cache->keys(layer, 0, s.vision), s.cache->values(layer, 0, s.vision));
  }

  /// Two small attentions. keys, values: those of the focus rows.
  template <class E>
  void attend_split(E& be, index_t layer, const Stream<B>& s, const ProxyStream<B>& p, In<B> q, In<B> keys, In<B> values, Out<B> seen) const {
    const index_t rest = p.focus.rows() - p.proxies;
    const Heads& heads = block().attention.heads();
    AttentionArgsOf<B> of_proxies(heads, p.positions.part(0, p.proxies));
    of_proxies.add({.keys = keys, .values = values, .visible = Visible::causal, .positions = p.positions_as_keys()});
    together(be, [&] {
      be.attention(q.row_range(p.proxies, rest), seen.row_range(p.proxies, rest),
                   causal_over_cache(*s.cache, layer, s.rows(), heads, p.positions.part(p.proxies, rest)));
      be.attention(q.row_range(0, p.proxies), seen.row_range(0, p.proxies), of_proxies);
    });
  }

  /// One attention of all focus rows over all keys with an explicit mask, as the paper draws it.
  template <class E>
  void attend_masked(E& be, index_t layer, const Stream<B>& s, const ProxyStream<B>& p, In<B> q, In<B> keys, In<B> values, Out<B> seen) const {
    AttentionArgsOf<B> args(block().attention.heads(), p.positions);
    args.add({.keys = s.cache->keys(layer, 0, s.vision),
              .values = s.cache->values(layer, 0, s.vision),
              .visible = Visible::table,
              .table = p.mask.col_range(0, s.vision)});
    args.add({.keys = keys, .values = values, .visible = Visible::table, .table = p.mask.col_range(s.vision, keys.rows())});
    be.attention(q, seen, args);
  }

  /// The focus rows' FFN, then the vision rows' update. Where the engine can, the update's product on the
  /// full tokens, which needs nothing of the FFN, runs beside the FFN's first.
  template <class E>
  void feed_forward_and_update(E& be, Stream<B>& s, ProxyStream<B>& p, const Norm<B>& next) const {
    const auto full = s.x.row_range(0, s.vision);
    if constexpr (UpdateOps<E, B> && !Update<B, Cfg>::learned) {
      if (p.savings.folded_update) {
        auto frame = be.frame();
        auto normed = frame.matrix(p.focus.rows(), p.focus.cols()), inner = frame.matrix(p.focus.rows(), block().ffn.inner_width());
        auto mixed = frame.matrix(s.vision, update_.inner());
        block().post_norm(be, p.focus, normed);
        together(be, [&] {
          block().ffn.expand(be, normed, inner);
          update_.begin(be, full, mixed);
        });
        block().ffn.contract(be, inner, p.focus);
        return update_.finish(be, full, p.proxy_rows(), p.grid, mixed, next, p.vision_normed);
      }
    }
    block().feed_forward(be, p.focus);
    if (next.gain.empty()) {
      update_(be, full, p.proxy_rows(), p.update_splat(), p.grid, p.savings.folded_update);
    } else {
      update_(be, full, p.proxy_rows(), p.update_splat(), p.grid, p.savings.folded_update, next, p.vision_normed);
    }
  }

  DecoderLayer<B, Cfg> plain_;
  Update<B, Cfg> update_;
};

}  // namespace proxyv::inline v0
