// DropStack: plain decoder layers between which vision tokens are dropped, as Cfg::reduction.drops says.
//
//   template <class B> using Pyramid = Decoder<B, Cfg, DropStack<32>>;
//
// PyramidDrop (arXiv 2410.17247): the layer behind the drop ranks, with its own input norm, queries and keys;
// the keys it made for that are the ones it goes on with. Positions are numbered anew. FastV (arXiv
// 2403.06764): the layer before the drop ranks, with the attention it has just run. Positions stay. Newline
// rows count as text: they are ranked by nobody and always stay. All images of a prompt are ranked together.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include "proxyv/model/decoder.hpp"
#include "proxyv/reduce/drop.hpp"

namespace proxyv::inline v0 {

/// What a hook that takes it sees of a drop, beside the LayerEvents.
template <class B>
struct DropEvent {
  index_t layer = 0;                     ///< layers that have run
  View<const float, SpaceOf<B>> scores;  ///< [1, vision rows before it]
  Ids<B> kept;                           ///< the packed rows that its vision rows were in the beginning
  Ids<B> positions;                      ///< [rows] of all rows from here on
};

/// `Count` layers with drops (dyn: as many as the configuration says). Without vision tokens, or with nothing
/// to drop, it is a Stack. A token that follows a prompt goes through all layers and is ranked by nobody.
template <index_t Count, template <class, class> class Layer = DecoderLayer>
struct DropStack {
  static constexpr index_t count = Count;
  static constexpr bool uses_proxies = false;
  static constexpr bool drops_tokens = true;
  static_assert(Count >= dyn, "proxyv: DropStack: the layer count must be >= 0, or proxyv::dyn");

  template <class B, class C>
  class Of {
   public:
    template <class E>
    Of(E&, const C& c, const DecoderWeights<B>& w, index_t first, index_t layers)
        : first_(first), drops_(reduction_of(c).drops) {
      const index_t before =
          drops_.rule == DropRule::pyramid_drop ? 0 : 1;  // the layer that ranks is so many before the drop
      for (index_t i = 0; i < drops_.count; ++i) {
        const index_t ranks = drops_.layers[static_cast<std::size_t>(i)] - before;
        PROXYV_CHECK(ranks >= first && ranks < first + layers, ArgumentError, "DropStack: layer ", ranks,
                     " ranks vision tokens, the stack is layers ", first, "..", first + layers - 1);
      }
      for (index_t i = 0; i < layers; ++i)
        layers_.emplace_back(detail::make_block<B>(c, w.layers[static_cast<std::size_t>(first + i)]));
    }

    template <class E, class Hook>
    void prefill(E& be, Stream<B>& s, detail::PrefillFrame<B>& f, Hook& hook) const {
      static_assert(RankOps<E>,
                    "proxyv: DropStack: the engine lacks the ranking ops (RankOps: attention_weights, "
                    "sum_rows, keep_top, ...)");
      const index_t original = s.vision;
      const bool drops = drops_.on() && original > 0;
      if (drops) check(s, f);
      for (index_t i = 0; const auto& run : layers_) {
        const index_t layer = first_ + i++;
        const index_t ahead = drops && drops_.rule == DropRule::pyramid_drop ? drops_.at(layer) : -1;
        const index_t behind = drops && drops_.rule != DropRule::pyramid_drop ? drops_.at(layer + 1) : -1;
        const auto go = [&] {
          run(be, layer, s, layer + 1 == f.layers && f.only_wanted ? f.wanted : s.all());
        };
        if (ahead >= 0) {
          rank_ahead(be, run, layer, ahead, original, s, f, hook);
          go();
          s.keys_stand = false;
        } else if (behind >= 0) {
          rank_behind(be, run, layer, behind, original, s, f, hook, go);
        } else {
          go();
        }
        hook(LayerEvent<B>{
            layer, s.x.row_range(0, s.vision), s.x.row_range(s.vision, s.rows() - s.vision), {}, {}});
      }
    }

    template <class E>
    void append(E& be, Stream<B>& s, index_t layers, RowRange wanted) const {
      for (index_t layer = first_; const auto& run : layers_) {
        enter_stage(be, layer, s);
        run(be, layer, s, layer + 1 == layers ? wanted : s.all());
        ++layer;
      }
      enter_stage(be, first_ + static_cast<index_t>(layers_.size()), s);
    }

    /// One token each of several conversations; each goes behind what its cache holds in that layer.
    template <class E>
    void append_each(E& be, const RowsStream<B>& s) const {
      for (index_t layer = first_; const auto& run : layers_) {
        enter_stage_each(be, layer, s);
        step_rows(be, layer++, run.block(), s);
      }
      enter_stage_each(be, first_ + static_cast<index_t>(layers_.size()), s);
    }

    /// The parts of layer `layer`, or null when it is not of this stack.
    const DecoderBlock<B>* block(index_t layer) const {
      const index_t i = layer - first_;
      return i < 0 || i >= static_cast<index_t>(layers_.size())
                 ? nullptr
                 : &layers_[static_cast<std::size_t>(i)].block();
    }

   private:
    void check(const Stream<B>& s, const detail::PrefillFrame<B>& f) const {
      PROXYV_CHECK(f.wanted.begin >= s.vision, ArgumentError,
                   "DropStack: the prompt ends in a vision token; it needs text behind it, or a newline");
      for (const index_t row : f.ranked_by)
        PROXYV_CHECK(row >= s.vision && row < s.rows(), ArgumentError, "DropStack: row ", row,
                     " ranks the vision tokens, wanted a newline or text row: ", s.vision, "..",
                     s.rows() - 1);
      PROXYV_CHECK(
          f.mask.empty(), ArgumentError,
          "DropStack: the masked plain form of proxies is not offered after drops; leave split_attention on");
    }

    template <class E, class Hook>
    void rank_ahead(E& be, const Layer<B, C>& run, index_t layer, index_t drop, index_t original,
                    Stream<B>& s, detail::PrefillFrame<B>& f, Hook& hook) const {
      const DecoderBlock<B>& block = run.block();
      const index_t rows = s.rows(), vision = s.vision;
      const reduce::KeepCount stay(keep(drop), drops_.per_crop, original, vision, f.grid.crops);
      auto frame = be.frame();
      auto keys = frame.matrix(rows, s.cache->width());
      auto scores = frame.template matrix<float>(1, rows);
      auto kept = frame.template span<std::int32_t>(stay.all());
      {
        auto inner = be.frame();
        auto normed = inner.matrix(rows, s.x.cols());
        auto turned = inner.matrix(rows, s.cache->width());
        auto queries = inner.matrix(f.ranked_by.size(), block.attention.heads().query_width());
        block.input_norm(be, s.x, normed);
        block.attention.raw_keys(be, normed, keys);
        be.copy(keys, turned);
        be.rotate(turned, s.rotary);
        reduce::ranking_queries<B>(be, block.attention, normed, s, f, queries);
        reduce::attention_scores<B>(be, block.attention.heads(), queries, turned, s, f, scores);
      }
      reduce::keep_best<B>(be, scores, vision, stay, kept);
      reduce::drop_rows<B>(be, layer, kept, stay, true, s, f);
      be.gather(keys.row_range(0, vision), kept, s.cache->keys(layer, 0, stay.all()));
      be.copy(keys.row_range(vision, rows - vision), s.cache->keys(layer, stay.all(), rows - vision));
      be.rotate(s.cache->keys(layer, 0, s.rows()), s.rotary);
      s.keys_stand = true;
      report(layer, scores.col_range(0, vision), Ids<B>(f.alive.part(0, s.vision)), s.positions, hook);
    }

    template <class E, class Hook, class Go>
    void rank_behind(E& be, const Layer<B, C>& run, index_t layer, index_t drop, index_t original,
                     Stream<B>& s, detail::PrefillFrame<B>& f, Hook& hook, Go&& go) const {
      const Attention<B>& attention = run.block().attention;
      const index_t rows = s.rows(), vision = s.vision;
      const reduce::KeepCount stay(keep(drop), drops_.per_crop, original, vision, f.grid.crops);
      auto frame = be.frame();
      auto queries = frame.matrix(f.ranked_by.size(), attention.heads().query_width());
      auto scores = frame.template matrix<float>(1, rows);
      auto kept = frame.template span<std::int32_t>(stay.all());
      for (index_t i = 0; i < queries.rows(); ++i) {
        auto inner = be.frame();
        auto normed = inner.matrix(1, s.x.cols());
        const index_t row = f.ranked_by[i] - f.dropped;
        run.block().input_norm(be, s.x.row_range(row, 1), normed);
        attention.queries(be, normed, s.rotary.row_range(row, 1), queries.row_range(i, 1));
      }
      go();
      reduce::attention_scores<B>(be, attention.heads(), queries, s.cache->keys(layer, 0, rows), s, f,
                                  scores);
      reduce::keep_best<B>(be, scores, vision, stay, kept);
      if (drops_.rule == DropRule::fast_v) {
        reduce::drop_rows<B>(be, layer + 1, kept, stay, false, s, f);
        return report(layer + 1, scores.col_range(0, vision), Ids<B>(f.alive.part(0, s.vision)), s.positions,
                      hook);
      }
      be.hide_others(s.positions.part(0, vision), kept, f.hidden.part(0, vision));
      be.copy(s.positions.part(vision, rows - vision), f.hidden.part(vision, rows - vision));
      s.key_positions = f.hidden;
      report(layer + 1, scores.col_range(0, vision), Ids<B>(kept), s.positions, hook);
    }

    /// Cache rows and positions of the layers from here on, where they are others than before.
    template <class E>
    void enter_stage(E& be, index_t layer, Stream<B>& s) const {
      const index_t drop = drops_.at(layer);
      if (drop < 0) return;
      if (!s.row.empty()) {
        PROXYV_CHECK(s.stages.size() >= 3 * (drop + 2), ArgumentError, "step: the state has ",
                     s.stages.size() / 3, " stages, the model ", drops_.count + 1,
                     "; make it as StepState(engine, model.stages_count())");
        s.positions = s.stages.part(3 * (drop + 1), 1);
        s.row = s.stages.part(3 * (drop + 1) + 1, 1);
        s.live = s.stages.part(3 * (drop + 1) + 2, 1);
        return be.rotary_table(s.positions, s.rope, s.rotary);
      }
      s.past = s.cache->length(layer);
      const auto own = s.cache->positions(s.cache->length(), s.rows());
      s.key_positions = own;
      if (s.cache->next_position(layer) == s.cache->next_position(layer - 1)) return;
      upload_consecutive<B>(be, s.cache->next_position(layer), own);
      be.rotary_table(s.positions, s.rope, s.rotary);
    }

    template <class E>
    void enter_stage_each(E& be, index_t layer, const RowsStream<B>& s) const {
      const auto moves = [&](const KvCache<B>* cache) {
        return cache->next_position(layer) != cache->next_position(layer - 1);
      };
      if (drops_.at(layer) < 0 || std::none_of(s.caches.begin(), s.caches.end(), moves)) return;
      for (index_t i = 0; i < s.caches.size(); ++i)
        upload_consecutive<B>(be, s.caches[i]->next_position(layer), s.positions.part(i, 1));
      be.rotary_table(Ids<B>(s.positions), s.rope, s.rotary);
    }

    const Keep& keep(index_t drop) const { return drops_.keep[static_cast<std::size_t>(drop)]; }

    template <class Hook>
    static void report(index_t layer, View<const float, SpaceOf<B>> scores, Ids<B> kept, Ids<B> positions,
                       Hook& hook) {
      if constexpr (std::invocable<Hook&, const DropEvent<B>&>)
        hook(DropEvent<B>{layer, scores, kept, positions});
    }

    index_t first_;
    DropSchedule drops_;
    std::vector<Layer<B, C>> layers_;
  };
};

/// A plain decoder that drops what its configuration says; with nothing to drop, a PlainDecoder.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using ReducedDecoder = Decoder<B, Cfg, DropStack<dyn>>;

/// Learned proxies from Cfg::proxy_start on, over the tokens that are left then.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using ReducedProxyDecoder = Decoder<B, Cfg, DropStack<dyn>, ProxyStack<dyn, LearnedPool, SplatUpdate>>;

}  // namespace proxyv::inline v0
