#include "proxyv/model/weights.hpp"

#include <map>

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

/// Names with their kind and shape.
struct Listing {
  std::map<std::string, std::string> names;

  void matrix(const std::string& name, WeightOf<R>&, index_t rows, index_t cols) { names[name] = "matrix " + shape_text(rows, cols).text(); }
  void dense(const std::string& name, In<R>&, index_t rows, index_t cols) { names[name] = "dense " + shape_text(rows, cols).text(); }
  void vector(const std::string& name, Vec<R>&, index_t n) { names[name] = "vector " + std::to_string(n); }
};

std::map<std::string, std::string> names(const RuntimeConfig& c, bool vision = true) {
  Listing listing;
  DecoderWeights<R> w;
  for_each_tensor<R>(c, w, vision, listing);
  return listing.names;
}

}  // namespace

TEST_CASE("weights: the names of the reference checkpoints, with shapes") {
  RuntimeConfig c = config(1);
  c.layers = 2;
  const std::map<std::string, std::string> wanted{
      {"lm_head.weight", "matrix [32, 16]"},
      {"model.embed_tokens.weight", "matrix [32, 16]"},
      {"model.image_newline", "vector 16"},
      {"model.norm.weight", "vector 16"},
      {"model.layers.0.input_layernorm.weight", "vector 16"},
      {"model.layers.0.mlp.down_proj.weight", "matrix [16, 24]"},
      {"model.layers.0.mlp.gate_proj.weight", "matrix [24, 16]"},
      {"model.layers.0.mlp.up_proj.weight", "matrix [24, 16]"},
      {"model.layers.0.post_attention_layernorm.weight", "vector 16"},
      {"model.layers.0.self_attn.k_proj.weight", "matrix [8, 16]"},
      {"model.layers.0.self_attn.o_proj.weight", "matrix [16, 16]"},
      {"model.layers.0.self_attn.q_proj.weight", "matrix [16, 16]"},
      {"model.layers.0.self_attn.v_proj.weight", "matrix [8, 16]"},
      {"model.layers.1.input_layernorm.weight", "vector 16"},
      {"model.layers.1.mlp.down_proj.weight", "matrix [16, 24]"},
      {"model.layers.1.mlp.gate_proj.weight", "matrix [24, 16]"},
      {"model.layers.1.mlp.up_proj.weight", "matrix [24, 16]"},
      {"model.layers.1.post_attention_layernorm.weight", "vector 16"},
      {"model.layers.1.self_attn.k_proj.weight", "matrix [8, 16]"},
      {"model.layers.1.self_attn.o_proj.weight", "matrix [16, 16]"},
      {"model.layers.1.self_attn.q_proj.weight", "matrix [16, 16]"},
      {"model.layers.1.self_attn.v_proj.weight", "matrix [8, 16]"},
      {"model.vision_mlp_layers.0.context_proj.weight", "matrix [8, 16]"},
      {"model.vision_mlp_layers.0.input_proj.weight", "matrix [8, 16]"},
      {"model.vision_mlp_layers.0.layernorm_post.weight", "vector 16"},
      {"model.vision_mlp_layers.0.proj.0.weight", "matrix [8, 16]"},
      {"model.vision_mlp_layers.0.proj.2.weight", "matrix [16, 8]"},
  };
  CHECK(names(c) == wanted);
}

TEST_CASE("weights: biases, tied embeddings, learned proxies, no pictures") {
  RuntimeConfig c = config(4);
  const auto plain = names(c);
  CHECK(plain.count("model.vision_mlp_layers.0.proj.0.weight") == 0);
  c.qkv_bias = true;
  CHECK(names(c).size() == plain.size() + 12);
  CHECK(names(c).at("model.layers.3.self_attn.q_proj.bias") == "vector 16");
  CHECK(names(c).at("model.layers.3.self_attn.k_proj.bias") == "vector 8");
  c.tied_embeddings = true;
  CHECK(names(c).count("lm_head.weight") == 0);
  CHECK(names(c, false).count("model.image_newline") == 0);

  const auto learned = names(config(2, true));
  CHECK(learned.at("model.proxyv_initializer.Wk.weight") == "matrix [8, 16]");
  CHECK(learned.at("model.proxyv_initializer.proxyv_tokens") == "dense [4, 8]");
  CHECK(learned.count("model.vision_mlp_layers.1.proj.2.weight") == 1);
  CHECK(learned.count("model.vision_mlp_layers.2.proj.2.weight") == 0);
  CHECK(names(config(4, true)).count("model.proxyv_initializer.Wk.weight") == 0);  // nothing to pool for
}

TEST_CASE("weights: tied embeddings are one tensor") {
  RuntimeConfig c = config();
  c.tied_embeddings = true;
  WeightStore<R> kept;
  const DecoderWeights<R> w = random_weights(c, kept, {.seed = 1});
  CHECK(w.lm_head.data() == w.embed.data());
  CHECK(w.lm_head.rows() == 32);
}

TEST_CASE("weights: shapes without memory, to plan with") {
  const auto w = shape_only_weights<R>(presets::Vicuna7B{});
  CHECK(w.layers.size() == 32);
  CHECK(w.updates.size() == 20);
  CHECK(w.layers[31].gate.rows() == 11008);
  CHECK(w.layers[31].gate.type() == DType::bf16);
  CHECK(w.layers[31].gate.data() == nullptr);
  CHECK(w.newline.size() == 4096);
}
