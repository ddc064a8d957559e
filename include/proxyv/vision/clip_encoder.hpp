// The CLIP vision encoder, on the engine's ops: patches of normalised crops in, features out.
#pragma once

#include <string>
#include <vector>

#include "proxyv/backend/plan.hpp"
#include "proxyv/layers/attention.hpp"
#include "proxyv/layers/norm.hpp"
#include "proxyv/layers/shape_check.hpp"

namespace proxyv::inline v0 {

/// Sizes of a CLIP-style vision transformer.
struct ClipConfig {
  index_t hidden = 0, layers = 0, heads = 0, ffn = 0;
  index_t image_size = 0, patch_size = 0;
  Act act = Act::quick_gelu;
  float norm_eps = 1e-5f;
  /// Index into the hidden states as in the reference's mm_vision_select_layer: -2 is the state
  /// before the last layer, which then never runs.
  index_t select_layer = -2;

  index_t grid() const { return image_size / patch_size; }
  index_t patches() const { return grid() * grid(); }
  index_t patch_width() const { return 3 * patch_size * patch_size; }
  index_t layers_run() const { return select_layer < 0 ? layers + 1 + select_layer : select_layer; }
};

/// Throws ArgumentError naming the first rule a configuration breaks.
inline void check_config(const ClipConfig& c) {
  constexpr index_t most = index_t{1} << 24;
  PROXYV_CHECK(c.hidden <= most && c.layers <= most && c.heads <= most && c.ffn <= most && c.select_layer >= -most && c.select_layer <= most,
               ArgumentError, "vision config: a size above ", most);
  PROXYV_CHECK(c.hidden > 0 && c.layers > 0 && c.heads > 0 && c.ffn > 0 && c.hidden % c.heads == 0, ArgumentError, "vision config: ", c.layers,
               " layers, hidden ", c.hidden, ", ", c.heads, " heads, ffn ", c.ffn);
  PROXYV_CHECK(c.patch_size > 0 && c.image_size >= c.patch_size && c.image_size % c.patch_size == 0 && c.image_size <= 16384, ArgumentError,
               "vision config: image_size ", c.image_size, " is not a multiple of patch_size ", c.patch_size);
  PROXYV_CHECK(c.layers_run() >= 0 && c.layers_run() <= c.layers, ArgumentError, "vision config: select_layer ", c.select_layer, " of ", c.layers,
               " layers");
}

/// Windows into the encoder's weights.
template <class B>
struct ClipWeights {
  struct Layer {
    Vec<B> norm1_gain, norm1_bias, norm2_gain, norm2_bias;
    WeightOf<B> q, k, v, o, fc1, fc2;
    Vec<B> q_bias, k_bias, v_bias, o_bias, fc1_bias, fc2_bias;
  };
  In<B> class_embedding;  ///< [1, hidden]
  WeightOf<B> patch;      ///< [hidden, 3 * patch_size^2]
  In<B> positions;        ///< [1 + patches, hidden]
  Vec<B> pre_gain, pre_bias;
  std::vector<Layer> layers;
};

/// The visitor of the encoder's tensors, as for_each_tensor of the decoder: the same three calls.
template <class B, class Visitor>
void for_each_tensor(const ClipConfig& c, ClipWeights<B>& w, Visitor&& visit) {
  const std::string root = "model.vision_tower.vision_tower.vision_model.";
  const index_t d = c.hidden;
  visit.dense(root + "embeddings.class_embedding", w.class_embedding, 1, d);
  visit.matrix(root + "embeddings.patch_embedding.weight", w.patch, d, c.patch_width());
  visit.dense(root + "embeddings.position_embedding.weight", w.positions, c.patches() + 1, d);
  visit.vector(root + "pre_layrnorm.weight", w.pre_gain, d);
  visit.vector(root + "pre_layrnorm.bias", w.pre_bias, d);
  w.layers.resize(static_cast<std::size_t>(c.layers_run()));
  for (index_t i = 0; i < c.layers_run(); ++i) {
    const std::string p = root + "encoder.layers." + std::to_string(i) + ".";
    auto& l = w.layers[static_cast<std::size_t>(i)];
    const auto linear = [&](const char* name, WeightOf<B>& weight, Vec<B>& bias, index_t out, index_t in) {
      visit.matrix(p + name + ".weight", weight, out, in);
      visit.vector(p + name + ".bias", bias, out);
    };
    visit.vector(p + "layer_norm1.weight", l.norm1_gain, d);
    visit.vector(p + "layer_norm1.bias", l.norm1_bias, d);
    linear("self_attn.q_proj", l.q, l.q_bias, d, d);
    linear("self_attn.k_proj", l.k, l.k_bias, d, d);
    linear("self_attn.v_proj", l.v, l.v_bias, d, d);
    linear("self_attn.out_proj", l.o, l.o_bias, d, d);
    visit.vector(p + "layer_norm2.weight", l.norm2_gain, d);
    visit.vector(p + "layer_norm2.bias", l.norm2_bias, d);
    linear("mlp.fc1", l.fc1, l.fc1_bias, c.ffn, d);
    linear("mlp.fc2", l.fc2, l.fc2_bias, d, c.ffn);
  }
}

/// What a layer of the encoder leaves for choosing among its tokens: T = 1 + patches rows per crop, the class
/// token first.
template <class B>
struct ClipTap {
  Out<B> hidden;         ///< [crops * T, hidden] the layer's output
  Out<B> keys;           ///< [crops * T, hidden] of k_proj with bias, all heads
  Table<B> cls_weights;  ///< [crops * heads, T] attention of the class token; only this row of it is ever computed
};

/// One pre-norm block on all crops; each crop's rows see each other and nothing else.
template <class B>
class ClipLayer {
 public:
  ClipLayer(const typename ClipWeights<B>::Layer& w, index_t heads, Act act, float eps)
      : norm1_(w.norm1_gain, w.norm1_bias, eps),
        norm2_(w.norm2_gain, w.norm2_bias, eps),
        q_(w.q, w.q_bias),
        k_(w.k, w.k_bias),
        v_(w.v, w.v_bias),
        o_(w.o, w.o_bias),
        fc1_(w.fc1, w.fc1_bias),
        fc2_(w.fc2, w.fc2_bias),
        heads_{heads, heads, w.q.rows() / heads},
        act_(act) {}

  /// x [crops * rows, hidden] in/out, crop after crop.
  template <class E>
  void operator()(E& be, Out<B> x, index_t rows) const {
    run(be, x, rows, {}, [](const auto&...) {});
  }
  /// The same, and fills tap.keys and tap.cls_weights; x is tap.hidden.
  template <class E>
    requires RankOps<E>
  void operator()(E& be, const ClipTap<B>& tap, index_t rows) const {
    run(be, tap.hidden, rows, tap.keys, [&](index_t crop, In<B> q, const AttentionArgsOf<B>& args) {
      be.attention_weights(q.row_range(0, 1), args, tap.cls_weights.row_range(crop * heads_.query, heads_.query));
    });
  }

 private:
  /// keys: where they are to be left; empty: nowhere. look(crop, q, args) sees what each crop's attention is about.
  template <class E, class Look>
  void run(E& be, Out<B> x, index_t rows, Out<B> keys, Look&& look) const {
    const index_t n = x.rows(), d = x.cols();
    {
      auto frame = be.frame();
      auto normed = frame.matrix(n, d), q = frame.matrix(n, d), v = frame.matrix(n, d);
      const Out<B> k = keys.empty() ? frame.matrix(n, d) : keys;
      norm1_(be, x, normed);
      q_(be, normed, q);
      k_(be, normed, k);
      v_(be, normed, v);
      for (index_t r = 0; r < n; r += rows) {
        AttentionArgsOf<B> args(heads_);
        args.add({.keys = k.row_range(r, rows), .values = v.row_range(r, rows), .visible = Visible::all});
        be.attention(q.row_range(r, rows), normed.row_range(r, rows), args);
        look(r / rows, In<B>(q.row_range(r, rows)), args);
      }
      o_(be, normed, x, {.beta = 1.f});
    }
    auto frame = be.frame();
    auto normed = frame.matrix(n, d), inner = frame.matrix(n, fc1_.out());
    norm2_(be, x, normed);
    fc1_(be, normed, inner, {.act = act_});
    fc2_(be, inner, x, {.beta = 1.f});
  }

  LayerNorm<B> norm1_, norm2_;
  Linear<B> q_, k_, v_, o_, fc1_, fc2_;
  Heads heads_;
  Act act_;
};

/// Class token, patch and position embeddings, pre-norm blocks; features are the patch rows of the
/// selected hidden state. Source: CLIPVisionModel of Hugging Face transformers; clip_encoder.py of LLaVA.
template <class B>
class ClipEncoder {
 public:
  /// Start-up: allocates two small tensors on `be`.
  template <class E>
    requires SameTensorsAs<E, B>
  ClipEncoder(E& be, const ClipConfig& config, const ClipWeights<B>& w)
      : config_(config), patch_(w.patch), positions_(w.positions), class_embedding_(w.class_embedding), pre_norm_(w.pre_gain, w.pre_bias, config.norm_eps) {
    check_config(config);
    ClipWeights<B> complete = w;
    for_each_tensor<B>(config, complete, ShapeCheck<B>{});
    for (const auto& l : complete.layers) layers_.emplace_back(l, config.heads, config.act, config.norm_eps);
    one_ = be.template alloc<Elem<B>>(1);
    const float one = 1.f;
    be.upload(View<const float>(&one, 1, 1), one_.matrix(1, 1));
  }

  const ClipConfig& config() const { return config_; }

  /// patches [crops * patches(), 3 * patch_size^2] in, normalised pixels in (channel, y, x) order;
  /// features [crops * patches(), hidden] out.
  template <class E>
    requires GemmOps<E> && NormOps<E> && AttentionOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> patches, Out<B> features) const {
    check_patches(patches);
    PROXYV_CHECK(features.rows() == patches.rows() && features.cols() == config_.hidden, ShapeError, "ClipEncoder: ", patches.rows(),
                 " patches to features ", shape_text(features.rows(), features.cols()), ", wanted ",
                 shape_text(patches.rows(), config_.hidden));
    require_workspace<B>(be, "ClipEncoder", [&](auto& plan) { encode(plan, patches, features); });
    encode(be, patches, features);
  }

  /// Runs the encoder and hands reduce(engine, ClipTap) what the last layer it runs leaves, while it is there.
  /// Throws ArgumentError when no layer runs. Workspace: as much again as reduce wants.
  template <class E, class Reduce>
    requires RankOps<E> && GemmOps<E> && NormOps<E> && AttentionOps<E> && SameTensorsAs<E, B>
  void tapped(E& be, In<B> patches, Reduce&& reduce) const {
    check_patches(patches);
    PROXYV_CHECK(!layers_.empty(), ArgumentError, "ClipEncoder: select_layer ", config_.select_layer, " runs no layer, there is no attention to look at");
    require_workspace<B>(be, "ClipEncoder", [&](auto& plan) { encode_tapped(plan, patches, reduce); });
    encode_tapped(be, patches, reduce);
  }

 private:
  void check_patches(const In<B>& patches) const {
    PROXYV_CHECK(patches.rows() % config_.patches() == 0 && patches.cols() == config_.patch_width(), ShapeError, "ClipEncoder: patches ",
                 shape_text(patches.rows(), patches.cols()), ", wanted crops of ", shape_text(config_.patches(), config_.patch_width()));
  }

  template <class E>
  void encode(E& be, In<B> patches, Out<B> features) const {
    const index_t per_crop = config_.patches(), rows = per_crop + 1, crops = patches.rows() / per_crop;
    auto frame = be.frame();
    auto x = frame.matrix(crops * rows, config_.hidden);
    begin(be, patches, x);
    for (const auto& layer : layers_) layer(be, x, rows);
    for (index_t c = 0; c < crops; ++c) be.copy(x.row_range(c * rows + 1, per_crop), features.row_range(c * per_crop, per_crop));
  }

  template <class E, class Reduce>
  void encode_tapped(E& be, In<B> patches, Reduce&& reduce) const {
    const index_t rows = config_.patches() + 1, crops = patches.rows() / config_.patches();
    auto frame = be.frame();
    const ClipTap<B> tap{frame.matrix(crops * rows, config_.hidden), frame.matrix(crops * rows, config_.hidden),
                         frame.template matrix<float>(crops * config_.heads, rows)};
    begin(be, patches, tap.hidden);
    for (std::size_t i = 0; i + 1 < layers_.size(); ++i) layers_[i](be, tap.hidden, rows);
    layers_.back()(be, tap, rows);
    reduce(be, tap);
  }

  template <class E>
  void begin(E& be, In<B> patches, Out<B> x) const {
    embed(be, patches, x);
    pre_norm_(be, x, x);
  }

  /// x = [class; patches] + positions.
  template <class E>
  void embed(E& be, In<B> patches, Out<B> x) const {
    const index_t per_crop = config_.patches(), rows = per_crop + 1;
    for (index_t c = 0; c * rows < x.rows(); ++c) {
      auto own = x.row_range(c * rows, rows);
      be.copy(positions_, own);
      be.product(one_.matrix(1, 1), class_embedding_, own.row_range(0, 1), 1.f);
      be.gemm(patches.row_range(c * per_crop, per_crop), patch_, own.row_range(1, per_crop), {.beta = 1.f});
    }
  }

  ClipConfig config_;
  WeightOf<B> patch_;
  In<B> positions_, class_embedding_;
  LayerNorm<B> pre_norm_;
  std::vector<ClipLayer<B>> layers_;
  Buffer<Elem<B>, SpaceOf<B>> one_;
};

}  // namespace proxyv::inline v0
