// The weights of a decoder by their checkpoint names, and the one visitor that knows them all.
//
// Loading, planning, random initialisation and inspection are all this visitor with another visitee.
#pragma once

#include <string>
#include <vector>

#include "proxyv/backend/types.hpp"
#include "proxyv/model/config.hpp"

namespace proxyv::inline v0 {

/// Windows into weights somebody else owns.
template <class B>
struct DecoderWeights {
  struct Layer {
    Vec<B> input_norm, post_norm;
    WeightOf<B> q, k, v, o;
    Vec<B> q_bias, k_bias, v_bias;
    WeightOf<B> gate, up, down;
  };
  struct Update {
    WeightOf<B> context, input, mix, out;
    Vec<B> gain;
  };

  struct Light {
    WeightOf<B> input, mix, out;
    Vec<B> gain;
  };

  WeightOf<B> embed;
  std::vector<Layer> layers;
  Vec<B> norm;
  WeightOf<B> lm_head;
  Vec<B> newline;
  std::vector<Update> updates;  ///< one per ProxyV layer
  std::vector<Light> lights;    ///< one per layer of a study with a light MLP
  WeightOf<B> pool_key;         ///< learned proxies only
  In<B> pool_tokens;            ///< learned proxies only
};

namespace detail {

/// A matrix whose rows are looked up: visit.table where the visitor has it, else visit.matrix.
template <class Visitor, class W>
void visit_table(Visitor& visit, const std::string& name, W& w, index_t rows, index_t cols) {
  if constexpr (requires { visit.table(name, w, rows, cols); }) visit.table(name, w, rows, cols);
  else visit.matrix(name, w, rows, cols);
}

}  // namespace detail

/// Calls
///   visit.matrix(name, Weight&, rows, cols)   used in the checkpoint's own element type,
///   visit.table(name, Weight&, rows, cols)    the same for embeddings; visitors without it get them as matrices
///   visit.dense(name, View&, rows, cols)      in the engine's element type,
///   visit.vector(name, Span&, size)           in the engine's element type
/// for every tensor a decoder of this configuration needs. `vision`: also the newline embedding, which
/// only prompts with images need. Names are those of the reference checkpoints.
template <class B, DecoderConfig C, class Visitor>
void for_each_tensor(const C& c, DecoderWeights<B>& w, bool vision, Visitor&& visit) {
  const index_t d = c.hidden, q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  detail::visit_table(visit, "model.embed_tokens.weight", w.embed, c.vocab, d);
  w.layers.resize(static_cast<std::size_t>(c.layers));
  for (index_t i = 0; i < c.layers; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    auto& l = w.layers[static_cast<std::size_t>(i)];
    visit.vector(p + "input_layernorm.weight", l.input_norm, d);
    visit.matrix(p + "self_attn.q_proj.weight", l.q, q, d);
    visit.matrix(p + "self_attn.k_proj.weight", l.k, kv, d);
    visit.matrix(p + "self_attn.v_proj.weight", l.v, kv, d);
    if (c.qkv_bias) {
      visit.vector(p + "self_attn.q_proj.bias", l.q_bias, q);
      visit.vector(p + "self_attn.k_proj.bias", l.k_bias, kv);
      visit.vector(p + "self_attn.v_proj.bias", l.v_bias, kv);
    }
    visit.matrix(p + "self_attn.o_proj.weight", l.o, d, q);
    visit.vector(p + "post_attention_layernorm.weight", l.post_norm, d);
    visit.matrix(p + "mlp.gate_proj.weight", l.gate, c.ffn, d);
    visit.matrix(p + "mlp.up_proj.weight", l.up, c.ffn, d);
    visit.matrix(p + "mlp.down_proj.weight", l.down, d, c.ffn);
  }
  visit.vector("model.norm.weight", w.norm, d);
  if (c.tied_embeddings) {
    w.lm_head = w.embed;
  } else {
    visit.matrix("lm_head.weight", w.lm_head, c.vocab, d);
  }
  if (vision) visit.vector("model.image_newline", w.newline, d);
  const StudyVariant study = study_of(c);
  const index_t h = c.update_inner, special = c.layers - c.proxy_start, proxy_layers = study.kind == Study::none ? special : 0;
  w.lights.resize(static_cast<std::size_t>(study.light_mlp ? special : 0));
  for (std::size_t m = 0; m < w.lights.size(); ++m) {
    const std::string p = "model.light_mlp_layers." + std::to_string(m) + ".";
    auto& l = w.lights[m];
    visit.matrix(p + "input_proj.weight", l.input, h, d);
    visit.matrix(p + "proj.0.weight", l.mix, h, h);
    visit.matrix(p + "proj.2.weight", l.out, d, h);
    if (study.light_mlp_norm) visit.vector(p + "layernorm_post.weight", l.gain, d);
  }
  w.updates.resize(static_cast<std::size_t>(proxy_layers));
  for (index_t m = 0; m < proxy_layers; ++m) {
    const std::string p = "model.vision_mlp_layers." + std::to_string(m) + ".";
    auto& u = w.updates[static_cast<std::size_t>(m)];
    visit.matrix(p + "context_proj.weight", u.context, h, d);
    visit.matrix(p + "input_proj.weight", u.input, h, d);
    visit.matrix(p + "proj.0.weight", u.mix, h, 2 * h);
    visit.matrix(p + "proj.2.weight", u.out, d, h);
    visit.vector(p + "layernorm_post.weight", u.gain, d);
  }
  if (c.learned_proxies && proxy_layers > 0) {
    visit.matrix("model.proxyv_initializer.Wk.weight", w.pool_key, h, d);
    visit.dense("model.proxyv_initializer.proxyv_tokens", w.pool_tokens, proxies_per_crop(c), h);
  }
}

namespace detail {

/// Gives every slot its shape and no memory: enough to plan with.
template <class B>
struct ShapeOnly {
  DType type;

  void matrix(const std::string&, WeightOf<B>& w, index_t rows, index_t cols) const { w = {nullptr, type, rows, cols}; }
  void dense(const std::string&, In<B>& x, index_t rows, index_t cols) const { x = {nullptr, rows, cols}; }
  void vector(const std::string&, Vec<B>& x, index_t n) const { x = {nullptr, n}; }
};

}  // namespace detail

/// Weights that have shapes but no memory, to plan a model without loading it.
template <class B, DecoderConfig C>
DecoderWeights<B> shape_only_weights(const C& c, DType type = DType::bf16, bool vision = true) {
  DecoderWeights<B> w;
  for_each_tensor<B>(c, w, vision, detail::ShapeOnly<B>{type});
  return w;
}

}  // namespace proxyv::inline v0
