// Random weights of the right shapes: for benchmarks, tests and first steps without a checkpoint.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "proxyv/backend/sampling.hpp"
#include "proxyv/model/decoder.hpp"
#include "proxyv/model/weight_store.hpp"

namespace proxyv::inline v0 {

/// An engine that draws random numbers into its own memory: the same ones as host code.
template <class B>
concept RandomOps = requires(B& be, Elem<B>* dst, index_t n, std::uint64_t key, float width, float centre) {
  be.fill_uniform(dst, n, key, width, centre);
};

/// How random weights are drawn.
struct RandomOptions {
  std::uint64_t seed = 0;
  DType type = DType::f32;   ///< of the matrices
  float deviation = 0.f;     ///< of the matrices' numbers; 0: 1 / sqrt(inputs), which keeps states near 1
  bool plain_updates = true; ///< false: only the folded weights of the vision updates stay, as in LoadOptions
  bool pack = false;         ///< as in LoadOptions; off, so that any engine can run the model
};

namespace detail {

/// Fills every slot with uniform numbers that depend on the seed and the tensor's name alone.
template <class B, class E>
class RandomVisitor {
  static constexpr bool in_host_memory = std::is_same_v<SpaceOf<B>, HostSpace>;
  static_assert(in_host_memory || RandomOps<E>, "proxyv: random_decoder: the engine's memory is not the host's, and it has no fill_uniform");

 public:
  RandomVisitor(E& be, const RandomOptions& options, WeightStore<B>& store) : be_(be), options_(options), store_(store) {}

  void matrix(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    table(name, w, rows, cols);
    if (options_.pack) w = store_.pack(be_, w);
  }
  void table(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    const float deviation = options_.deviation > 0.f ? options_.deviation : 1.f / std::sqrt(static_cast<float>(cols));
    with_dtype(options_.type, [&]<class T>(T) { w = {fill<T>(name, rows * cols, deviation, 0.f), options_.type, rows, cols}; });
  }
  void dense(const std::string& name, In<B>& x, index_t rows, index_t cols) { x = {fill<Elem<B>>(name, rows * cols, 1.f, 0.f), rows, cols}; }
  void vector(const std::string& name, Vec<B>& x, index_t n) {
    const bool gain = name.find("norm") != std::string::npos;
    x = {fill<Elem<B>>(name, n, 0.2f, gain ? 1.f : 0.f), n};
  }

 private:
  /// Numbers with this standard deviation around `centre`.
  template <class T>
  const T* fill(const std::string& name, index_t n, float deviation, float centre) {
    std::uint64_t key = options_.seed;
    for (const char c : name) key = key * 0x100000001b3u + static_cast<unsigned char>(c);
    const float width = deviation * 3.4641016f;
    T* const numbers = store_.keep(be_.template alloc<T>(n));
    if constexpr (in_host_memory) {
      for (index_t i = 0; i < n; ++i) {
        const auto part = static_cast<float>(uniform(key, static_cast<std::uint64_t>(i)) - 0.5);
        // The product of two floats is exact in double: fused or not, every compiler and engine draws the same.
        numbers[i] = from_float<T>(static_cast<float>(double{centre} + double{width} * double{part}));
      }
    } else {
      be_.fill_uniform(numbers, n, key, width, centre);
    }
    return numbers;
  }

  E& be_;
  const RandomOptions& options_;
  WeightStore<B>& store_;
};

}  // namespace detail

/// A decoder with random weights. The same options give the same weights on every engine.
template <class Model, class E>
Model random_decoder(E& be, const typename Model::config_type& cfg, const RandomOptions& options) {
  using B = typename Model::backend;
  auto store = std::make_shared<WeightStore<B>>();
  DecoderWeights<B> weights;
  check_config(cfg);
  for_each_tensor<B>(cfg, weights, true, detail::RandomVisitor<B, E>(be, options, *store));
  return decoder_of<Model>(be, cfg, weights, std::move(store), options.plain_updates);
}
template <class Model, class E>
Model random_decoder(E& be, const typename Model::config_type& cfg, std::uint64_t seed = 0, DType type = DType::f32) {
  return random_decoder<Model>(be, cfg, RandomOptions{.seed = seed, .type = type});
}

}  // namespace proxyv::inline v0
