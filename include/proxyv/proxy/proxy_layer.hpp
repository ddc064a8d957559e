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

  /// Runs layer `layer` of a prompt. s.x holds the vision rows, p.focus the others.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p) const {
    vision_keys_values(be, layer, s);
    {
      const index_t n = p.focus.rows(), rest = n - p.proxies, width = s.cache->width();
      auto frame = be.frame();
      auto normed = frame.matrix(n, p.focus.cols());
      auto keys = frame.matrix(n, width);
      auto values = frame.matrix(n, width);
      block().input_norm(be, p.focus, normed);
      block().attention.keys_values(be, normed, p.rotary, keys, values);
      be.copy(keys.row_range(p.proxies, rest), s.cache->keys(layer, s.vision, rest));
      be.copy(values.row_range(p.proxies, rest), s.cache->values(layer, s.vision, rest));
      if (p.savings.split_attention) {
        attend_split(be, layer, s, p, normed, keys, values);
      } else {
        attend_masked(be, layer, s, p, normed, keys, values);
      }
    }
    block().feed_forward(be, p.focus);
    update_(be, s.x.row_range(0, s.vision), p.proxy_rows(), p.splat, p.grid, p.savings.folded_update);
  }

  /// The last layer when only some newline or text rows are wanted: keys and values of every row
  /// that stays in the cache, the rest of the layer for those rows alone. Proxies and the update
  /// would influence nothing.  wanted: rows of [newline | text].
  template <class E>
    requires SameTensorsAs<E, B>
  void last_rows_only(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p, RowRange wanted) const {
    vision_keys_values(be, layer, s);
    auto rest = p.rest_rows();
    auto rotary = p.rotary.row_range(p.proxies, rest.rows());
    {
      auto frame = be.frame();
      auto normed = frame.matrix(rest.rows(), rest.cols());
      block().input_norm(be, rest, normed);
      block().attention.keys_values(be, normed, rotary, s.cache->keys(layer, s.vision, rest.rows()),
                                    s.cache->values(layer, s.vision, rest.rows()));
      block().attend(be, normed.row_range(wanted.begin, wanted.count), rotary.row_range(wanted.begin, wanted.count),
                     causal_over_cache(*s.cache, layer, s.rows(), block().attention.heads(),
                                       p.positions.part(p.proxies + wanted.begin, wanted.count)),
                     rest.row_range(wanted.begin, wanted.count));
    }
    block().feed_forward(be, rest.row_range(wanted.begin, wanted.count));
  }

  /// The layer for tokens that come after the prompt: a plain decoder layer.
  const DecoderLayer<B, Cfg>& plain() const { return plain_; }

  template <class E>
  void fold(E& be) {
    update_.fold(be);
  }

 private:
  const DecoderBlock<B>& block() const { return plain_.block(); }

  template <class E>
  void vision_keys_values(E& be, index_t layer, Stream<B>& s) const {
    auto frame = be.frame();
    auto normed = frame.matrix(s.vision, s.x.cols());
    block().input_norm(be, s.x.row_range(0, s.vision), normed);
    block().attention.keys_values(be, normed, s.rotary.row_range(0, s.vision), s.cache->keys(layer, 0, s.vision),
                                  s.cache->values(layer, 0, s.vision));
  }

  /// Two small attentions. keys, values: those of the focus rows.
  template <class E>
  void attend_split(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p, In<B> normed, In<B> keys, In<B> values) const {
    const index_t n = p.focus.rows(), rest = n - p.proxies;
    const Heads& heads = block().attention.heads();
    auto frame = be.frame();
    auto q = frame.matrix(n, heads.query_width());
    auto seen = frame.matrix(n, heads.query_width());
    block().attention.queries(be, normed, p.rotary, q);

    AttentionArgsOf<B> of_proxies(heads, p.positions.part(0, p.proxies));
    of_proxies.add({.keys = keys, .values = values, .visible = Visible::causal, .positions = p.positions});
    be.attention(q.row_range(0, p.proxies), seen.row_range(0, p.proxies), of_proxies);

    be.attention(q.row_range(p.proxies, rest), seen.row_range(p.proxies, rest),
                 causal_over_cache(*s.cache, layer, s.rows(), heads, p.positions.part(p.proxies, rest)));
    block().attention.add_output(be, seen, p.focus);
  }

  /// One attention of all focus rows over all keys with an explicit mask, as the paper draws it.
  template <class E>
  void attend_masked(E& be, index_t layer, Stream<B>& s, ProxyStream<B>& p, In<B> normed, In<B> keys, In<B> values) const {
    AttentionArgsOf<B> args(block().attention.heads(), p.positions);
    args.add({.keys = s.cache->keys(layer, 0, s.vision),
              .values = s.cache->values(layer, 0, s.vision),
              .visible = Visible::table,
              .table = p.mask.col_range(0, s.vision)});
    args.add({.keys = keys, .values = values, .visible = Visible::table, .table = p.mask.col_range(s.vision, keys.rows())});
    block().attend(be, normed, p.rotary, args, p.focus);
  }

  DecoderLayer<B, Cfg> plain_;
  Update<B, Cfg> update_;
};

}  // namespace proxyv::inline v0
