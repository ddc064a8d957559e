// Random weights of the right shapes: for benchmarks, tests and first steps without a checkpoint.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "proxyv/backend/sampling.hpp"
#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {

namespace detail {

/// Fills every slot with numbers that depend on the seed and the tensor's name alone.
template <class B>
class RandomVisitor {
 public:
  RandomVisitor(std::uint64_t seed, DType type, std::vector<std::shared_ptr<const void>>& kept) : seed_(seed), type_(type), kept_(kept) {}

  void matrix(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    with_dtype(type_, [&]<class T>(T) {
      w = {fill<T>(name, rows * cols, 1.f / std::sqrt(static_cast<float>(cols)), 0.f), type_, rows, cols};
    });
  }
  void dense(const std::string& name, In<B>& x, index_t rows, index_t cols) { x = {fill<float>(name, rows * cols, 1.f, 0.f), rows, cols}; }
  void vector(const std::string& name, Vec<B>& x, index_t n) {
    const bool gain = name.find("norm") != std::string::npos;
    x = {fill<float>(name, n, 0.2f, gain ? 1.f : 0.f), n};
  }

 private:
  /// Uniform numbers with this standard deviation around `centre`.
  template <class T>
  const T* fill(const std::string& name, index_t n, float deviation, float centre) {
    std::uint64_t key = seed_;
    for (const char c : name) key = key * 0x100000001b3u + static_cast<unsigned char>(c);
    auto buffer = std::make_shared<Buffer<T>>(host_buffer<T>(n));
    const float width = deviation * 3.4641016f;
    for (index_t i = 0; i < n; ++i)
      buffer->data()[i] = from_float<T>(centre + width * static_cast<float>(uniform(key, static_cast<std::uint64_t>(i)) - 0.5));
    kept_.push_back(buffer);
    return buffer->data();
  }

  std::uint64_t seed_;
  DType type_;
  std::vector<std::shared_ptr<const void>>& kept_;
};

}  // namespace detail

/// A decoder with random weights. For engines in host memory.
template <class Model, class E>
Model random_decoder(E& be, const typename Model::config_type& cfg, std::uint64_t seed = 0, DType type = DType::f32) {
  using B = typename Model::backend;
  auto kept = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  DecoderWeights<B> weights;
  check_config(cfg);
  for_each_tensor<B>(cfg, weights, true, detail::RandomVisitor<B>(seed, type, *kept));
  return Model(be, cfg, weights, std::move(kept));
}

}  // namespace proxyv::inline v0
