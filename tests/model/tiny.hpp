// Tiny decoders and prompts for the tests of this folder.
#pragma once

#include <memory>

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/model/session.hpp"

namespace tiny {

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;
using Plain = PlainDecoder<R>;
using Spatial = ProxyDecoder<R>;
using Learned = LearnedProxyDecoder<R>;

/// Four layers; crops of 4 x 4 tokens with four proxies each.
inline RuntimeConfig config(index_t proxy_start = 2, bool learned = false) {
  return {.hidden = 16, .layers = 4, .heads = 4, .kv_heads = 2, .head_dim = 4, .ffn = 24, .vocab = 32,
          .proxy_start = proxy_start, .proxy_factor = 2, .crop_side = 4, .update_inner = 8, .learned_proxies = learned};
}

inline HostOptions options(std::size_t workspace = 1 << 20) { return {.workspace_bytes = workspace}; }

/// Exactly so many bytes of aligned workspace.
struct Workspace {
  explicit Workspace(std::size_t bytes) : buffer(host_buffer<std::byte>(static_cast<index_t>(bytes + Arena::alignment))) {
    const auto skip = Arena::alignment - reinterpret_cast<std::uintptr_t>(buffer.data()) % Arena::alignment;
    memory = {buffer.data() + skip, static_cast<index_t>(bytes)};
  }
  HostOptions options() const { return {.memory = memory}; }

  Buffer<std::byte> buffer;
  Span<std::byte> memory;
};

/// Random weights, whose memory `kept` owns.
inline DecoderWeights<R> random_weights(const RuntimeConfig& c, WeightStore<R>& kept, const RandomOptions& random) {
  R be(options(0));
  DecoderWeights<R> w;
  for_each_tensor<R>(c, w, true, detail::RandomVisitor<R, R>(be, random, kept));
  return w;
}

/// A prompt with everything it points to. Features of image i depend on i alone.
struct Question {
  std::vector<TokenId> ids;
  std::vector<ImageSlot> images;
  TokenLayout layout;
  Matrix features;

  template <class Model>
  Question(const Model& model, std::vector<TokenId> tokens, std::vector<ImageSlot> slots, index_t max_length = 0)
      : ids(std::move(tokens)), images(std::move(slots)),
        layout(small::span_of(ids), small::span_of(images), model.crop_shape(max_length)), features(0, model.config().hidden) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Matrix image = small::noise(images[i].crops * tokens_per_crop(model.config()), features.cols, 100 + i);
      features.values.insert(features.values.end(), image.values.begin(), image.values.end());
      features.rows += image.rows;
    }
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  Prompt<R> prompt() const { return {layout, features}; }
};

inline constexpr TokenId image = image_token;

/// What a prefill leaves behind: logits first, then keys and values of every layer.
struct Left {
  std::vector<float> logits, cache;
};

template <class B>
std::vector<float> contents(const KvCache<B>& cache) {
  std::vector<float> out;
  for (index_t layer = 0; layer < cache.layers(); ++layer) {
    for (const auto& plane : {cache.keys(layer, 0, cache.length()), cache.values(layer, 0, cache.length())}) {
      const auto values = small::values(plane);
      out.insert(out.end(), values.begin(), values.end());
    }
  }
  return out;
}

template <class Model, class E, class Hook = NoHook>
Left prefill(const Model& model, E& be, const Question& q, const PrefillOptions& how = {}, Hook&& hook = {}) {
  KvCache<typename Model::backend> cache(be, model.cache_shape(q.layout.rows()));
  Matrix logits(1, model.config().vocab);
  model.prefill(be, Prompt<typename Model::backend>{q.layout, q.features}, cache, logits, how, hook);
  return {logits.values, contents(cache)};
}

inline bool same(const Left& a, const Left& b) { return small::same_bits(a.logits, b.logits) && small::same_bits(a.cache, b.cache); }
inline double deviation(const Left& a, const Left& b) {
  return std::max(small::deviation(a.logits, b.logits), small::deviation(a.cache, b.cache));
}

}  // namespace tiny
