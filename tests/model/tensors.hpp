// Tensors by name in memory, as a checkpoint would hold them.
#pragma once

#include <map>
#include <optional>

#include "model/tiny.hpp"
#include "proxyv/model/load.hpp"

namespace tiny {

/// Tensors by name, as a checkpoint would hold them. `at` fails as a checkpoint does.
struct Tensors {
  struct Tensor {
    std::vector<std::uint64_t> shape;
    std::vector<std::byte> bytes;
    io::TensorType type;
  };
  std::map<std::string, Tensor> all;

  std::optional<io::TensorEntry> find(const std::string& name) const {
    const auto found = all.find(name);
    if (found == all.end()) return std::nullopt;
    const auto& [key, t] = *found;
    return io::TensorEntry{.file = "tiny.safetensors",
                           .name = key,
                           .type = t.type,
                           .shape = t.shape,
                           .data = t.bytes.data(),
                           .bytes = t.bytes.size()};
  }
  io::TensorEntry at(const std::string& name) const {
    const auto found = find(name);
    PROXYV_CHECK(found.has_value(), LoadError, "tiny.safetensors: no tensor \"", name, "\"");
    return *found;
  }

  template <class T>
  void put(const std::string& name, std::vector<std::uint64_t> shape, const float* values) {
    std::uint64_t n = 1;
    for (const auto size : shape) n *= size;
    Tensor t{std::move(shape), std::vector<std::byte>(n * sizeof(T)),
             std::is_same_v<T, bf16>  ? io::TensorType::bf16
             : std::is_same_v<T, f16> ? io::TensorType::f16
                                      : io::TensorType::f32};
    for (std::uint64_t i = 0; i < n; ++i) {
      const T value = from_float<T>(values[i]);
      std::memcpy(t.bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    all[name] = std::move(t);
  }
};

/// Writes weights that a RandomVisitor made into Tensors.
template <class T>
struct Writer {
  Tensors& to;
  void matrix(const std::string& name, WeightOf<R>& w, index_t rows, index_t cols) {
    to.put<T>(name, {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)},
              static_cast<const float*>(w.data()));
  }
  void dense(const std::string& name, In<R>& x, index_t rows, index_t cols) {
    to.put<T>(name, {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)}, x.data());
  }
  void vector(const std::string& name, Vec<R>& x, index_t n) {
    to.put<T>(name, {static_cast<std::uint64_t>(n)}, x.data());
  }
};

template <class T>
std::shared_ptr<Tensors> tensors(const RuntimeConfig& c) {
  auto out = std::make_shared<Tensors>();
  WeightStore<R> kept;
  DecoderWeights<R> w = random_weights(c, kept, {.seed = 5});
  for_each_tensor<R>(c, w, true, Writer<T>{*out});
  return out;
}

}  // namespace tiny
