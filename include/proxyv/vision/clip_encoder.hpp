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
    for (const auto& l : complete.layers) {
      layers_.push_back({.norm1 = LayerNorm<B>(l.norm1_gain, l.norm1_bias, config.norm_eps),
                         .norm2 = LayerNorm<B>(l.norm2_gain, l.norm2_bias, config.norm_eps),
                         .q = Linear<B>(l.q, l.q_bias),
                         .k = Linear<B>(l.k, l.k_bias),
                         .v = Linear<B>(l.v, l.v_bias),
                         .o = Linear<B>(l.o, l.o_bias),
                         .fc1 = Linear<B>(l.fc1, l.fc1_bias),
                         .fc2 = Linear<B>(l.fc2, l.fc2_bias)});
    }
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
    const index_t per_crop = config_.patches();
    PROXYV_CHECK(patches.rows() % per_crop == 0 && patches.cols() == config_.patch_width() && features.rows() == patches.rows() &&
                     features.cols() == config_.hidden,
                 ShapeError, "ClipEncoder: patches ", shape_text(patches.rows(), patches.cols()), " to features ",
                 shape_text(features.rows(), features.cols()), ", wanted crops of ", shape_text(per_crop, config_.patch_width()));
    require_workspace<B>(be, "ClipEncoder", [&](auto& plan) { encode(plan, patches, features); });
    encode(be, patches, features);
  }

 private:
  template <class E>
  void encode(E& be, In<B> patches, Out<B> features) const {
    const index_t per_crop = config_.patches(), rows = per_crop + 1, crops = patches.rows() / per_crop;
    auto frame = be.frame();
    auto x = frame.matrix(crops * rows, config_.hidden);
    embed(be, patches, x);
    pre_norm_(be, x, x);
    for (const Layer& layer : layers_) run(be, layer, x);
    for (index_t c = 0; c < crops; ++c) be.copy(x.row_range(c * rows + 1, per_crop), features.row_range(c * per_crop, per_crop));
  }

  struct Layer {
    LayerNorm<B> norm1, norm2;
    Linear<B> q, k, v, o, fc1, fc2;
  };

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

  template <class E>
  void run(E& be, const Layer& layer, Out<B> x) const {
    const index_t n = x.rows(), d = config_.hidden;
    {
      auto frame = be.frame();
      auto normed = frame.matrix(n, d), q = frame.matrix(n, d), k = frame.matrix(n, d), v = frame.matrix(n, d);
      layer.norm1(be, x, normed);
      layer.q(be, normed, q);
      layer.k(be, normed, k);
      layer.v(be, normed, v);
      attend(be, q, k, v, normed);
      layer.o(be, normed, x, {.beta = 1.f});
    }
    auto frame = be.frame();
    auto normed = frame.matrix(n, d), inner = frame.matrix(n, config_.ffn);
    layer.norm2(be, x, normed);
    layer.fc1(be, normed, inner, {.act = config_.act});
    layer.fc2(be, inner, x, {.beta = 1.f});
  }

  /// Each crop's rows see each other and nothing else.
  template <class E>
  void attend(E& be, In<B> q, In<B> k, In<B> v, Out<B> seen) const {
    const index_t rows = config_.patches() + 1;
    const Heads heads{config_.heads, config_.heads, config_.hidden / config_.heads};
    for (index_t r = 0; r < q.rows(); r += rows) {
      AttentionArgsOf<B> args(heads);
      args.add({.keys = k.row_range(r, rows), .values = v.row_range(r, rows), .visible = Visible::all});
      be.attention(q.row_range(r, rows), seen.row_range(r, rows), args);
    }
  }

  ClipConfig config_;
  WeightOf<B> patch_;
  In<B> positions_, class_embedding_;
  LayerNorm<B> pre_norm_;
  std::vector<Layer> layers_;
  Buffer<Elem<B>, SpaceOf<B>> one_;
};

}  // namespace proxyv::inline v0
