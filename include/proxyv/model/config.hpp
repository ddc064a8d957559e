// What a decoder's sizes are: a struct whose members are either `static constexpr` (known at compile
// time: presets, own engines) or ordinary data members (RuntimeConfig, read from a checkpoint).
// Layers read `cfg.hidden` in both cases.
#pragma once

#include <concepts>
#include <limits>
#include <type_traits>

#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/mask.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/model/reduction.hpp"
#include "proxyv/study/variant.hpp"

namespace proxyv::inline v0 {

/// The members every configuration has. Two more may be there: `rope_scaling` (a RotaryScaling) and
/// `blockwise_update` (bool: learned proxies are spread over blocks of tokens as spatial ones are, which the reference's
/// Phi-3 does). Without them rotary embedding is not stretched, and learned proxies spread by their splat weights.
template <class C>
concept DecoderConfig = requires(const C& c) {
  { c.hidden } -> std::convertible_to<index_t>;     // width of the residual stream
  { c.layers } -> std::convertible_to<index_t>;     // decoder layers
  { c.heads } -> std::convertible_to<index_t>;      // query heads
  { c.kv_heads } -> std::convertible_to<index_t>;   // key/value heads
  { c.head_dim } -> std::convertible_to<index_t>;   // size of a head
  { c.ffn } -> std::convertible_to<index_t>;        // inner width of the FFN
  { c.vocab } -> std::convertible_to<index_t>;
  { c.norm_eps } -> std::convertible_to<float>;
  { c.rope_theta } -> std::convertible_to<double>;
  { c.tied_embeddings } -> std::convertible_to<bool>;  // lm_head is the embedding table
  { c.qkv_bias } -> std::convertible_to<bool>;         // Qwen2
  { c.proxy_start } -> std::convertible_to<index_t>;   // first ProxyV layer; == layers: none
  { c.proxy_factor } -> std::convertible_to<index_t>;  // reduction per side of a crop
  { c.crop_side } -> std::convertible_to<index_t>;     // full vision tokens per side of a crop
  { c.update_inner } -> std::convertible_to<index_t>;  // inner width of the vision update
  { c.learned_proxies } -> std::convertible_to<bool>;  // learned instead of spatial proxies
};

namespace detail {

template <class C>
RotaryScaling rope_scaling_of(const C& c) {
  if constexpr (requires { c.rope_scaling; }) return c.rope_scaling;
  return {};
}
template <class C>
constexpr bool blockwise_update_of(const C& c) {
  if constexpr (requires { c.blockwise_update; }) return c.blockwise_update;
  return false;
}
/// Positions are below this.
template <class C>
index_t position_limit(const C& c) {
  constexpr index_t any = std::numeric_limits<std::int32_t>::max();
  if constexpr (requires { c.rope_scaling; }) return c.rope_scaling.max_positions > 0 ? index_t{c.rope_scaling.max_positions} : any;
  return any;
}

}  // namespace detail

/// What a configuration says of reducing vision tokens; those without a member `reduction` do not.
template <class C>
constexpr Reduction reduction_of(const C& c) {
  if constexpr (requires { c.reduction; }) return c.reduction;
  return {};
}
/// Tokens and proxies of a crop whose tokens are no raster of crop_side squared; 0: they are.
template <class C>
constexpr index_t crop_tokens_of(const C& c) {
  return reduction_of(c).zip.on() ? reduction_of(c).zip.tokens() : 0;
}
template <class C>
constexpr index_t crop_proxies_of(const C& c) {
  if constexpr (requires { c.crop_proxies; }) return c.crop_proxies;
  return 0;
}

/// The study that a configuration names in a member `study`; those without one are plain or ProxyV.
template <DecoderConfig C>
constexpr StudyVariant study_of(const C& c) {
  if constexpr (requires { c.study; }) return c.study;
  else return {};
}

/// A configuration read at run time.
struct RuntimeConfig {
  index_t hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0;
  float norm_eps = 1e-5f;
  double rope_theta = 10000.0;
  bool tied_embeddings = false;
  bool qkv_bias = false;
  index_t proxy_start = 0, proxy_factor = 1, crop_side = 1, update_inner = 0;
  bool learned_proxies = false;
  RotaryScaling rope_scaling{};
  bool blockwise_update = false;
  index_t crop_proxies = 0;  ///< learned proxies per crop when they are not (crop_side / proxy_factor) squared; 0: they are
  Reduction reduction{};
  StudyVariant study{};  ///< one of the paper's studies instead of ProxyV, from proxy_start on

  /// The same numbers from any configuration.
  template <DecoderConfig C>
  static RuntimeConfig from(const C& c) {
    return {.hidden = c.hidden,
            .layers = c.layers,
            .heads = c.heads,
            .kv_heads = c.kv_heads,
            .head_dim = c.head_dim,
            .ffn = c.ffn,
            .vocab = c.vocab,
            .norm_eps = c.norm_eps,
            .rope_theta = c.rope_theta,
            .tied_embeddings = c.tied_embeddings,
            .qkv_bias = c.qkv_bias,
            .proxy_start = c.proxy_start,
            .proxy_factor = c.proxy_factor,
            .crop_side = c.crop_side,
            .update_inner = c.update_inner,
            .learned_proxies = c.learned_proxies,
            .rope_scaling = detail::rope_scaling_of(c),
            .blockwise_update = detail::blockwise_update_of(c),
            .crop_proxies = crop_proxies_of(c),
            .reduction = reduction_of(c),
            .study = study_of(c)};
  }
};

/// Inner width of the vision update as the reference has it. Source: llava_arch.py, LlavaMetaModel.
constexpr index_t reference_update_inner(index_t hidden) { return hidden / (hidden >= 1024 ? 4 : 2); }

template <DecoderConfig C>
constexpr Heads heads_of(const C& c) {
  return {c.heads, c.kv_heads, c.head_dim};
}
template <DecoderConfig C>
Rotary rotary_of(const C& c) {
  return {c.head_dim, c.rope_theta, detail::rope_scaling_of(c)};
}
template <DecoderConfig C>
constexpr index_t tokens_per_crop(const C& c) {
  return crop_tokens_of(c) > 0 ? crop_tokens_of(c) : index_t{c.crop_side * c.crop_side};
}
template <DecoderConfig C>
constexpr index_t proxies_per_crop(const C& c) {
  return crop_proxies_of(c) > 0 ? crop_proxies_of(c) : index_t{(c.crop_side / c.proxy_factor) * (c.crop_side / c.proxy_factor)};
}

namespace detail {
template <class C>
concept StaticConfig = !std::is_member_object_pointer_v<decltype(&C::layers)>;
}  // namespace detail

/// Throws ArgumentError naming the first rule a configuration breaks.
template <DecoderConfig C>
void check_config(const C& c) {
  const auto positive = [](index_t value, const char* name) {
    PROXYV_CHECK(value > 0 && value <= (index_t{1} << 24), ArgumentError, "config: ", name, " is ", value, ", wanted 1..16777216");
  };
  positive(c.hidden, "hidden");
  positive(c.layers, "layers");
  positive(c.heads, "heads");
  positive(c.kv_heads, "kv_heads");
  positive(c.head_dim, "head_dim");
  positive(c.ffn, "ffn");
  positive(c.vocab, "vocab");
  positive(c.crop_side, "crop_side");
  positive(c.proxy_factor, "proxy_factor");
  PROXYV_CHECK(c.heads % c.kv_heads == 0, ArgumentError, "config: heads ", index_t{c.heads}, " is not a multiple of kv_heads ", index_t{c.kv_heads});
  PROXYV_CHECK(c.head_dim % 2 == 0, ArgumentError, "config: head_dim ", index_t{c.head_dim}, " is odd; rotary embedding turns pairs");
  PROXYV_CHECK(c.proxy_start >= 0 && c.proxy_start <= c.layers, ArgumentError, "config: proxy_start ", index_t{c.proxy_start}, ", wanted 0..",
               index_t{c.layers});
  PROXYV_CHECK(c.crop_side % c.proxy_factor == 0, ArgumentError, "config: proxy_factor ", index_t{c.proxy_factor}, " does not divide crop_side ",
               index_t{c.crop_side});
  PROXYV_CHECK(c.norm_eps >= 0.f && c.norm_eps < 1.f, ArgumentError, "config: norm_eps is ", float{c.norm_eps}, ", wanted a number in [0, 1)");
  PROXYV_CHECK(c.rope_theta > 0.0 && c.rope_theta <= 1e15, ArgumentError, "config: rope_theta is ", double{c.rope_theta},
               ", wanted a positive number");
  PROXYV_CHECK(c.update_inner >= 0 && c.update_inner <= (index_t{1} << 24), ArgumentError, "config: update_inner is ", index_t{c.update_inner},
               ", wanted 0..16777216");
  const Reduction reduction = reduction_of(c);
  reduction.drops.check(c.layers);
  if (reduction.zip.on()) reduction.zip.check(index_t{c.crop_side * c.crop_side});
  PROXYV_CHECK(crop_proxies_of(c) >= 0 && crop_proxies_of(c) <= (index_t{1} << 24), ArgumentError, "config: crop_proxies is ", crop_proxies_of(c),
               ", wanted 0..16777216");
  const StudyVariant study = study_of(c);
  PROXYV_CHECK(!(study.light_mlp || study.light_mlp_norm) || study.kind == Study::attn_ffn_skip, ArgumentError,
               "config: a light MLP in a study that keeps the FFN; it goes with attn_ffn_skip");
  PROXYV_CHECK(!study.light_mlp_norm || study.light_mlp, ArgumentError, "config: a norm after a light MLP that is not there");
  const bool updates = study.kind == Study::none || study.light_mlp;
  PROXYV_CHECK(c.proxy_start == c.layers || !updates || c.update_inner > 0, ArgumentError, "config: update_inner is ", index_t{c.update_inner},
               ", ProxyV layers and light MLPs need an inner width");
  const RotaryScaling rope = detail::rope_scaling_of(c);
  PROXYV_CHECK(!rope.present() || rope.pairs == c.head_dim / 2, ArgumentError, "config: rope_scaling of ", rope.pairs, " pairs, wanted ",
               c.head_dim / 2);
}

}  // namespace proxyv::inline v0
