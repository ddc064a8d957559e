// What is measured, on any engine: model sizes by name, and the prompt of the paper.
#pragma once

#include <string>
#include <vector>

#include "examples/cli/presets.hpp"
#include "proxyv/vision/clip_encoder.hpp"

namespace bench_shared {

namespace pv = proxyv;
using pv::index_t;

inline constexpr int crops = 5, words_before = 35, words_after = 15;

/// A language model small enough for two cores: 24 layers of width 1024.
struct Medium : pv::presets::LlamaLike {
  static constexpr index_t hidden = 1024, layers = 24, heads = 16, kv_heads = 16, head_dim = 64, ffn = 2816,
                           vocab = 32000;
  static constexpr bool tied_embeddings = true;
  static constexpr index_t proxy_start = 9, update_inner = pv::reference_update_inner(hidden);
};

struct NamedModel {
  std::string name;
  pv::RuntimeConfig config;
};

/// The library's presets, and "medium".
inline std::vector<NamedModel> models() {
  std::vector<NamedModel> all{{"medium", pv::RuntimeConfig::from(Medium{})}};
  for (const cli::Preset& p : cli::presets()) all.push_back({p.name, p.config});
  return all;
}

inline pv::RuntimeConfig model(const std::string& name) {
  for (const NamedModel& m : models())
    if (m.name == name) return m.config;
  PROXYV_CHECK(false, pv::ArgumentError, "bench: no model \"", name, "\"");
  return {};
}

/// A configuration whose proxies or study begin at another layer; `layers`: at none.
inline pv::RuntimeConfig starting_at(pv::RuntimeConfig config, index_t start) {
  config.proxy_start = start;
  return config;
}

/// 35 words, a picture of 5 crops, 15 words.
inline pv::TokenLayout layout_for(const pv::CropShape& shape) {
  std::vector<pv::TokenId> ids(words_before + 1 + words_after, 7);
  ids[words_before] = pv::image_token;
  const pv::ImageSlot image{crops};
  return {{ids.data(), static_cast<index_t>(ids.size())}, {&image, 1}, shape};
}

/// Vision encoders by name: what LLaVA uses, and a toy.
struct NamedEncoder {
  std::string name;
  pv::ClipConfig config;
};
inline std::vector<NamedEncoder> encoders() {
  return {{"clip-l-336",
           {.hidden = 1024, .layers = 24, .heads = 16, .ffn = 4096, .image_size = 336, .patch_size = 14}},
          {"tiny", {.hidden = 64, .layers = 4, .heads = 4, .ffn = 128, .image_size = 32, .patch_size = 4}}};
}

/// A product x w^T of a prefill, [rows, depth] with [cols, depth].
struct Product {
  std::string name;
  index_t rows, depth, cols;

  std::string shape() const {
    return std::to_string(rows) + "x" + std::to_string(depth) + "x" + std::to_string(cols);
  }
  double flops() const { return 2.0 * static_cast<double>(rows) * static_cast<double>(depth * cols); }
};

/// The products of the prompt above: a plain layer's on all rows, a ProxyV layer's on the rows that query,
/// its update's on the vision rows.
inline std::vector<Product> prefill_products(const pv::RuntimeConfig& c) {
  const pv::TokenLayout layout = layout_for({pv::tokens_per_crop(c), pv::proxies_per_crop(c)});
  const index_t all = layout.rows(), vision = layout.vision(), few = layout.focus_positions().size();
  const index_t q = c.heads * c.head_dim, d = c.hidden, inner = c.update_inner;
  return {{"q", all, d, q},
          {"gate", all, d, c.ffn},
          {"down", all, c.ffn, d},
          {"few_gate", few, d, c.ffn},
          {"few_down", few, c.ffn, d},
          {"update_in", vision, d, inner},
          {"update_mix", vision, 2 * inner, inner},
          {"update_out", vision, inner, d}};
}

/// The products of a token: one row.
inline std::vector<Product> decode_products(const pv::RuntimeConfig& c) {
  const index_t q = c.heads * c.head_dim;
  return {{"q", 1, c.hidden, q},
          {"gate", 1, c.hidden, c.ffn},
          {"down", 1, c.ffn, c.hidden},
          {"head", 1, c.hidden, c.vocab}};
}

}  // namespace bench_shared
