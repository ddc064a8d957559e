// Stacks: runs of equal layers, the bricks a decoder is composed of.
//
//   Stack<12, DecoderLayer>                          layers 0..11, every token
//   ProxyStack<20, BilinearPool, VisionUpdate>       layers 12..31, proxies and text
//
// A stack holds an array and loops: one instantiation per kind of layer, not per layer.
#pragma once

#include <concepts>
#include <vector>

#include "proxyv/layers/rows_step.hpp"
#include "proxyv/model/config.hpp"
#include "proxyv/model/weights.hpp"
#include "proxyv/proxy/bilinear_pool.hpp"
#include "proxyv/proxy/learned_pool.hpp"
#include "proxyv/proxy/proxy_layer.hpp"
#include "proxyv/proxy/token_layout.hpp"
#include "proxyv/proxy/vision_update.hpp"
#include "proxyv/study/study_layer.hpp"

namespace proxyv::inline v0 {

/// What a hook sees: the true residual stream after a layer (layer -1: the packed embeddings).
template <class B>
struct LayerEvent {
  index_t layer = 0;
  In<B> vision;   ///< [vision, hidden]
  In<B> rest;     ///< [newline + text, hidden]; in the last layer only wanted rows moved on
  In<B> proxies;  ///< [proxies, hidden]; after layer start-1: the initial proxies; empty before
  In<B> splat;    ///< [vision, proxies per crop] with learned proxies
};

/// The hook that does nothing.
struct NoHook {
  template <class Event>
  void operator()(const Event&) const {}
};

namespace detail {

/// What the stacks of one prefill share.
template <class B>
struct PrefillFrame {
  index_t layers = 0;   ///< of the whole decoder
  RowRange wanted;      ///< rows of the residual stream wanted after the last layer
  bool only_wanted = false;
  OutIds<B> focus_positions;
  Ids<B> focus_key_positions{};
  Rotary rotary;
  bool by_blocks = false;
  Grid grid;
  Savings savings;
  View<const std::uint8_t, SpaceOf<B>> mask;
  // Models that drop tokens on the way.
  const TokenLayout* layout = nullptr;  ///< the prompt as it was packed
  index_t dropped = 0;               ///< vision rows gone so far
  Span<const index_t> ranked_by{};   ///< rows that rank, as the prompt was packed
  OutIds<B> alive{};                 ///< [vision] room: which rows of the packed prompt the vision rows are
  OutIds<B> hidden{};                ///< [rows] room: positions of keys, where some are hidden
};

template <class B, DecoderConfig C>
DecoderBlock<B> make_block(const C& c, const typename DecoderWeights<B>::Layer& w) {
  return {.input_norm = RmsNorm<B>(w.input_norm, c.norm_eps),
          .attention = Attention<B>({Linear<B>(w.q, w.q_bias), Linear<B>(w.k, w.k_bias), Linear<B>(w.v, w.v_bias), Linear<B>(w.o)},
                                    heads_of(c)),
          .post_norm = RmsNorm<B>(w.post_norm, c.norm_eps),
          .ffn = Ffn<B>(w.gate, w.up, w.down)};
}

/// Whether a kind of layer may have weights of its own, which are numbered from Cfg::proxy_start to the last layer.
template <template <class, class> class Layer>
inline constexpr bool numbered_from_start = false;
template <>
inline constexpr bool numbered_from_start<LightMlpLayer> = true;
template <>
inline constexpr bool numbered_from_start<StudyLayer> = true;

/// The light MLP of layer `layer`, folded.
template <class B, class E, DecoderConfig C>
LightMlp<B> make_light(E& be, const C& c, const DecoderWeights<B>& w, index_t layer) {
  PROXYV_CHECK(study_of(c).light_mlp, ArgumentError, "Stack: layers with a light MLP, but the configuration's study has none");
  const auto& l = w.lights[static_cast<std::size_t>(layer - c.proxy_start)];
  LightMlp<B> light({l.input, l.mix, l.out, l.gain}, c.norm_eps);
  light.fold(be);
  return light;
}

/// Layer `layer` of the decoder, with what its kind needs beside the block.
template <class L, class B, class E, DecoderConfig C>
L make_layer(E& be, const C& c, const DecoderWeights<B>& w, index_t layer) {
  const DecoderBlock<B> block = make_block<B>(c, w.layers[static_cast<std::size_t>(layer)]);
  if constexpr (std::constructible_from<L, DecoderBlock<B>, StudyVariant, LightMlp<B>>) {
    const StudyVariant study = study_of(c);
    return study.light_mlp ? L(block, study, make_light<B>(be, c, w, layer)) : L(block, study);
  } else if constexpr (std::constructible_from<L, DecoderBlock<B>, LightMlp<B>>) {
    return L(block, make_light<B>(be, c, w, layer));
  } else if constexpr (std::constructible_from<L, DecoderBlock<B>, StudyVariant>) {
    return L(block, study_of(c));
  } else {
    return L(block);
  }
}

}  // namespace detail

/// `Count` equal layers that keep every row: plain ones, or those of a study (dyn: as many as the configuration says).
template <index_t Count, template <class, class> class Layer>
struct Stack {
  static constexpr index_t count = Count;
  static constexpr bool uses_proxies = false;
  static constexpr bool from_start = detail::numbered_from_start<Layer>;
  static_assert(Count >= dyn, "proxyv: Stack: the layer count must be >= 0, or proxyv::dyn");

  template <class B, class C>
  class Of {
   public:
    template <class E>
    Of(E& be, const C& c, const DecoderWeights<B>& w, index_t first, index_t layers) : first_(first) {
      PROXYV_CHECK(!from_start || layers == 0 || first == c.proxy_start, ArgumentError, "Stack: a study begins at layer ", first,
                   ", the configuration says proxy_start = ", index_t{c.proxy_start});
      for (index_t i = 0; i < layers; ++i) layers_.push_back(detail::make_layer<Layer<B, C>, B>(be, c, w, first + i));
    }

    template <class E, class Hook>
    void prefill(E& be, Stream<B>& s, const detail::PrefillFrame<B>& f, Hook& hook) const {
      for (index_t layer = first_; const auto& run : layers_) {
        const RowRange wanted = layer + 1 == f.layers && f.only_wanted ? f.wanted : s.all();
        if constexpr (requires { run(be, layer, s, wanted, f.savings); }) {
          run(be, layer, s, wanted, f.savings);
        } else {
          run(be, layer, s, wanted);
        }
        hook(LayerEvent<B>{layer, s.x.row_range(0, s.vision), s.x.row_range(s.vision, s.rows() - s.vision), {}, {}});
        ++layer;
      }
    }
    template <class E>
    void append(E& be, Stream<B>& s, index_t layers, RowRange wanted) const {
      for (index_t layer = first_; const auto& run : layers_) {
        run(be, layer, s, layer + 1 == layers ? wanted : s.all());
        ++layer;
      }
    }
    template <class E>
    void append_each(E& be, const RowsStream<B>& s) const {
      for (index_t layer = first_; const auto& run : layers_) step_rows(be, layer++, run.block(), s);
    }

    /// The parts of layer `layer`, or null when it is not of this stack.
    const DecoderBlock<B>* block(index_t layer) const {
      const index_t i = layer - first_;
      return i < 0 || i >= static_cast<index_t>(layers_.size()) ? nullptr : &layers_[static_cast<std::size_t>(i)].block();
    }

   private:
    index_t first_;
    std::vector<Layer<B, C>> layers_;
  };
};

/// `Count` ProxyV layers: proxies are made once by Pool when the stack begins and followed to its end.
template <index_t Count, template <class, class> class Pool, template <class, class> class Update>
struct ProxyStack {
  static constexpr index_t count = Count;
  static constexpr bool uses_proxies = true, from_start = true;
  static_assert(Count >= dyn, "proxyv: ProxyStack: the layer count must be >= 0, or proxyv::dyn");

  template <class B, class C>
  class Of {
    static_assert(Pool<B, C>::learned == Update<B, C>::learned,
                  "proxyv: ProxyStack: pool and update do not fit: BilinearPool goes with VisionUpdate, LearnedPool with SplatUpdate");

   public:
    static constexpr bool is_learned = Pool<B, C>::learned;

    template <class E>
    Of(E& be, const C& c, const DecoderWeights<B>& w, index_t first, index_t layers) : first_(first), pool_(pool(w)) {
      PROXYV_CHECK(layers == 0 || first == c.proxy_start, ArgumentError, "ProxyStack: begins at layer ", first,
                   ", the configuration says proxy_start = ", index_t{c.proxy_start});
      PROXYV_CHECK(layers == 0 || first + layers == c.layers, ArgumentError, "ProxyStack: layers ", first, "..", first + layers - 1, " of ",
                   index_t{c.layers}, "; proxies go on to the last layer");
      PROXYV_CHECK(layers == 0 || is_learned == c.learned_proxies, ArgumentError, "ProxyStack: the configuration says learned_proxies = ",
                   bool{c.learned_proxies}, ", the pool is ", is_learned ? "learned" : "spatial");
      for (index_t i = 0; i < layers; ++i) {
        const auto& u = w.updates[static_cast<std::size_t>(i)];
        Update<B, C> update({u.context, u.input, u.mix, u.out, u.gain}, c.norm_eps);
        layers_.emplace_back(detail::make_block<B>(c, w.layers[static_cast<std::size_t>(first + i)]), std::move(update));
        layers_.back().fold(be);
      }
    }

    template <class E, class Hook>
    void prefill(E& be, Stream<B>& s, const detail::PrefillFrame<B>& f, Hook& hook) const {
      if (s.vision == 0) return text_only(be, s, f, hook);
      if (layers_.empty()) return;
      auto frame = be.frame();
      ProxyStream<B> p = enter(be, frame, s, f);
      const auto report = [&](index_t layer) {
        hook(LayerEvent<B>{layer, s.x.row_range(0, s.vision), p.rest_rows(), p.proxy_rows(), p.splat});
      };
      report(first_ - 1);
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        const index_t layer = first_ + static_cast<index_t>(i);
        if (layer + 1 == f.layers && f.only_wanted && f.wanted.begin >= s.vision) {
          layers_[i].last_rows_only(be, layer, s, p, {f.wanted.begin - s.vision, f.wanted.count});
        } else {
          layers_[i](be, layer, s, p, i + 1 < layers_.size() ? layers_[i + 1].input_norm() : Norm<B>{});
        }
        report(layer);
      }
      be.copy(p.rest_rows(), s.x.row_range(s.vision, s.rows() - s.vision));
    }

    template <class E>
    void append(E& be, Stream<B>& s, index_t layers, RowRange wanted) const {
      for (index_t layer = first_; const auto& run : layers_) {
        run.plain()(be, layer, s, layer + 1 == layers ? wanted : s.all());
        ++layer;
      }
    }
    template <class E>
    void append_each(E& be, const RowsStream<B>& s) const {
      for (index_t layer = first_; const auto& run : layers_) step_rows(be, layer++, run.plain().block(), s);
    }

    void drop_plain_updates() {
      for (auto& layer : layers_) layer.drop_plain_update();
    }

    /// The parts of layer `layer`, or null when it is not of this stack.
    const DecoderBlock<B>* block(index_t layer) const {
      const index_t i = layer - first_;
      return i < 0 || i >= static_cast<index_t>(layers_.size()) ? nullptr : &layers_[static_cast<std::size_t>(i)].plain().block();
    }

    const Pool<B, C>& pool() const { return pool_; }

   private:
    static Pool<B, C> pool(const DecoderWeights<B>& w) {
      if constexpr (Pool<B, C>::learned) {
        return Pool<B, C>({w.pool_key, w.pool_tokens});
      } else {
        return Pool<B, C>();
      }
    }

    template <class E>
    ProxyStream<B> enter(E& be, Frame<Elem<B>, SpaceOf<B>>& frame, Stream<B>& s, const detail::PrefillFrame<B>& f) const {
      ProxyStream<B> p;
      const index_t rest = s.rows() - s.vision, per_crop = f.grid.crop_proxies();
      p.proxies = f.grid.crops * per_crop;
      p.focus = frame.matrix(p.proxies + rest, s.x.cols());
      p.positions = f.focus_positions;
      p.key_positions = f.focus_key_positions;
      p.rotary = frame.template matrix<float>(p.focus.rows(), f.rotary.head_dim);
      p.grid = f.grid;
      p.savings = f.savings;
      p.mask = f.mask;
      p.by_blocks = f.by_blocks;
      p.vision_normed = frame.matrix(s.vision, s.x.cols());
      if constexpr (Pool<B, C>::learned) p.splat = frame.matrix(s.vision, per_crop);
      be.rotary_table(p.positions, f.rotary, p.rotary);
      pool_(be, s.x.row_range(0, s.vision), p.proxy_rows(), p.splat, p.grid);
      be.copy(s.x.row_range(s.vision, rest), p.rest_rows());
      return p;
    }

    template <class E, class Hook>
    void text_only(E& be, Stream<B>& s, const detail::PrefillFrame<B>& f, Hook& hook) const {
      for (index_t layer = first_; const auto& run : layers_) {
        run.plain()(be, layer, s, layer + 1 == f.layers && f.only_wanted ? f.wanted : s.all());
        hook(LayerEvent<B>{layer, s.x.row_range(0, 0), s.x, {}, {}});
        ++layer;
      }
    }

    index_t first_;
    Pool<B, C> pool_;
    std::vector<ProxyLayer<B, C, Update>> layers_;
  };
};

}  // namespace proxyv::inline v0
