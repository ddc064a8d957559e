// The paper's backbones as compile-time configurations, and what their plain and ProxyV decoders are.
#pragma once

#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {
namespace presets {

/// LLaVA-style vision sizes of the paper: crops of 24 x 24 tokens, one proxy per 4 x 4 block.
struct Crops24 {
  static constexpr index_t crop_side = 24, proxy_factor = 4;
  static constexpr bool learned_proxies = false;
};

/// What Llama models have in common; others override it.
struct LlamaLike : Crops24 {
  static constexpr float norm_eps = 1e-5f;
  static constexpr double rope_theta = 10000.0;
  static constexpr bool tied_embeddings = false, qkv_bias = false;
};

struct Vicuna7B : LlamaLike {
  static constexpr index_t hidden = 4096, layers = 32, heads = 32, kv_heads = 32, head_dim = 128, ffn = 11008, vocab = 32000;
  static constexpr index_t proxy_start = 12, update_inner = reference_update_inner(hidden);
};

struct Vicuna13B : LlamaLike {
  static constexpr index_t hidden = 5120, layers = 40, heads = 40, kv_heads = 40, head_dim = 128, ffn = 13824, vocab = 32000;
  static constexpr index_t proxy_start = 16, update_inner = reference_update_inner(hidden);
};

struct Llama3_8B : LlamaLike {
  static constexpr index_t hidden = 4096, layers = 32, heads = 32, kv_heads = 8, head_dim = 128, ffn = 14336, vocab = 128256;
  static constexpr double rope_theta = 500000.0;
  static constexpr index_t proxy_start = 16, update_inner = reference_update_inner(hidden);
};

struct Qwen2_7B : LlamaLike {
  static constexpr index_t hidden = 3584, layers = 28, heads = 28, kv_heads = 4, head_dim = 128, ffn = 18944, vocab = 152064;
  static constexpr float norm_eps = 1e-6f;
  static constexpr double rope_theta = 1000000.0;
  static constexpr bool qkv_bias = true;
  static constexpr index_t proxy_start = 16, update_inner = reference_update_inner(hidden);
};

struct Phi3_3B : LlamaLike {
  static constexpr index_t hidden = 3072, layers = 32, heads = 32, kv_heads = 32, head_dim = 96, ffn = 8192, vocab = 32064;
  static constexpr index_t proxy_start = 16, update_inner = reference_update_inner(hidden);
};

struct InternLM2_7B : LlamaLike {
  static constexpr index_t hidden = 4096, layers = 32, heads = 32, kv_heads = 8, head_dim = 128, ffn = 14336, vocab = 92544;
  static constexpr double rope_theta = 1000000.0;
  static constexpr index_t proxy_start = 16, update_inner = reference_update_inner(hidden);
};

/// A toy of the same shape, for examples and tests.
struct Tiny : LlamaLike {
  static constexpr index_t hidden = 64, layers = 4, heads = 4, kv_heads = 2, head_dim = 16, ffn = 128, vocab = 96;
  static constexpr index_t crop_side = 8, proxy_factor = 4;
  static constexpr index_t proxy_start = 2, update_inner = reference_update_inner(hidden);
};

}  // namespace presets

/// Every token through every layer.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using PlainDecoder = Decoder<B, Cfg, Stack<dyn, DecoderLayer>>;

/// Spatial proxies from Cfg::proxy_start on.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using ProxyDecoder = Decoder<B, Cfg, Stack<dyn, DecoderLayer>, ProxyStack<dyn, BilinearPool, VisionUpdate>>;

/// Learned proxies from Cfg::proxy_start on.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using LearnedProxyDecoder = Decoder<B, Cfg, Stack<dyn, DecoderLayer>, ProxyStack<dyn, LearnedPool, SplatUpdate>>;

}  // namespace proxyv::inline v0
