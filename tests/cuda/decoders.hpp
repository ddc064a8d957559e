// Small decoders and prompts on any engine, for the CUDA tests.
#pragma once

#include <vector>

#include "cuda/gpu.hpp"
#include "cuda/tensors.hpp"
#include "model/tiny.hpp"
#include "proxyv/cuda.hpp"

namespace gpu {

using small::same_bits;
using tiny::Left;
using tiny::Question;

/// The three decoders by name, for template tests.
struct PlainKind {
  template <class B>
  using Model = PlainDecoder<B>;
  static constexpr bool learned = false, plain = true;
};
struct SpatialKind {
  template <class B>
  using Model = ProxyDecoder<B>;
  static constexpr bool learned = false, plain = false;
};
struct LearnedKind {
  template <class B>
  using Model = LearnedProxyDecoder<B>;
  static constexpr bool learned = true, plain = false;
};

/// Sizes that the fast paths take: heads of 64 or 128, rows without odd ends.
inline RuntimeConfig fast_config(bool learned = false, index_t head_dim = 64) {
  return {.hidden = 256, .layers = 2, .heads = 256 / head_dim, .kv_heads = 128 / head_dim, .head_dim = head_dim, .ffn = 512, .vocab = 512,
          .proxy_start = 1, .proxy_factor = 4, .crop_side = 8, .update_inner = 128, .learned_proxies = learned};
}

template <class T>
CudaBackend<T> engine(std::size_t workspace = std::size_t{8} << 20, bool overlap = true, bool hopper = gpu::on_hopper_paths()) {
  return CudaBackend<T>({.workspace_bytes = workspace, .overlap = overlap, .hopper = hopper});
}

/// Keys, then values of every layer.
template <class B>
std::vector<float> contents(B& be, const KvCache<B>& cache) {
  std::vector<float> out;
  for (index_t layer = 0; layer < cache.layers(); ++layer)
    for (const auto& plane : {cache.keys(layer, 0, cache.length()), cache.values(layer, 0, cache.length())}) {
      const auto some = values(be, In<B>(plane));
      out.insert(out.end(), some.begin(), some.end());
    }
  return out;
}

/// A question's prompt in the memory of an engine.
template <class B>
struct Asked {
  Asked(B& be, const Question& question) : q(question), features(be, question.features) {}
  Prompt<B> prompt() const { return {q.layout, features.view()}; }

  const Question& q;
  Matrix<B> features;
};

/// What a prefill leaves, from memory that held NaN.
template <class Model, class B = typename Model::backend>
Left prompted(const Model& model, B& be, const Question& q, const PrefillOptions& how = {}) {
  const Asked<B> asked(be, q);
  KvCache<B> cache(be, model.cache_shape(q.layout.rows()));
  const Matrix<B> logits(be, 1, model.config().vocab, std::nanf(""));
  model.prefill(be, asked.prompt(), cache, logits, how);
  return {values(be, logits), contents(be, cache)};
}

/// What a conversation of two questions gives.
struct Talk {
  std::vector<TokenId> tokens;
  std::vector<float> logits, cache;

  friend bool operator==(const Talk& a, const Talk& b) { return a.tokens == b.tokens && same_bits(a.logits, b.logits) && same_bits(a.cache, b.cache); }
};

template <class Model, class B = typename Model::backend>
Talk talk(const Model& model, B& be, const Question& q, const Sampling& sampling = {}, index_t tokens = 8) {
  const Asked<B> asked(be, q);
  Session<Model> session(be, model, q.layout.rows() + 3 * tokens + 8);
  session.start(asked.prompt());
  Talk out;
  const auto say = [&] {
    const auto more = session.generate({.max_tokens = tokens, .sampling = sampling});
    out.tokens.insert(out.tokens.end(), more.begin(), more.end());
  };
  say();
  const std::vector<TokenId> next{7, 8, 9};
  session.say(small::span_of(next));
  say();
  out.logits = values(be, session.logits());
  out.cache = contents(be, session.cache());
  return out;
}

}  // namespace gpu
