// From named tensors in files to a model's weights: used in place where the engine can, converted
// where it must.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxyv/io/tensor_entry.hpp"
#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {

/// Something that finds tensors by name: SafetensorsFile, Checkpoint.
template <class S>
concept TensorSource = requires(const S& s, const std::string& name) {
  { s.at(name) } -> std::convertible_to<io::TensorEntry>;
};

/// What loaded weights need to stay alive: the files they lie in and the tensors made at loading.
template <class B>
class WeightStore {
 public:
  explicit WeightStore(std::shared_ptr<const void> files = nullptr) : files_(std::move(files)) {}

  template <class T>
  T* keep(Buffer<T, SpaceOf<B>> buffer) {
    auto shared = std::make_shared<Buffer<T, SpaceOf<B>>>(std::move(buffer));
    T* data = shared->data();
    kept_.push_back(std::move(shared));
    return data;
  }

 private:
  std::shared_ptr<const void> files_;
  std::vector<std::shared_ptr<const void>> kept_;
};

/// The visitor that loads: matrices stay where they lie in the file (or are converted to `as`),
/// vectors and dense tensors are converted to the engine's element type.
/// Throws LoadError naming file, tensor, wanted and found. For engines in host memory.
template <class B, TensorSource Source>
class LoadVisitor {
  static_assert(std::same_as<SpaceOf<B>, HostSpace>, "proxyv: LoadVisitor: this loader is for engines in host memory");

 public:
  LoadVisitor(const Source& source, WeightStore<B>& store, std::optional<DType> as = {}) : source_(source), store_(store), as_(as) {}

  void matrix(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    w = io::as_weight(source_.at(name), rows, cols);
    if (as_ && *as_ != w.type()) w = converted(source_.at(name), rows, cols);
  }
  void dense(const std::string& name, In<B>& x, index_t rows, index_t cols) { x = {floats(name, rows, cols), rows, cols}; }
  void vector(const std::string& name, Vec<B>& x, index_t n) { x = {floats(name, 1, n), n}; }

 private:
  const Elem<B>* floats(const std::string& name, index_t rows, index_t cols) {
    const io::TensorEntry entry = source_.at(name);
    io::as_weight(entry, rows, cols);  // shape and type
    auto buffer = host_buffer<float>(rows * cols);
    io::copy_f32(entry, buffer.span());
    return store_.keep(std::move(buffer));
  }

  WeightOf<B> converted(const io::TensorEntry& entry, index_t rows, index_t cols) {
    auto whole = host_buffer<float>(rows * cols);
    io::copy_f32(entry, whole.span());
    return with_dtype(*as_, [&]<class T>(T) {
      auto out = host_buffer<T>(rows * cols);
      for (index_t i = 0; i < out.size(); ++i) out.data()[i] = from_float<T>(whole.data()[i]);
      return WeightOf<B>(store_.keep(std::move(out)), *as_, rows, cols);
    });
  }

  const Source& source_;
  WeightStore<B>& store_;
  std::optional<DType> as_;
};

/// Builds a decoder of type Model from named tensors. `files` keeps what `source` points into alive.
/// as: convert the weight matrices to this type; by default they stay as stored.
template <class Model, class E, TensorSource Source>
Model load_decoder(E& be, const typename Model::config_type& cfg, const Source& source, std::shared_ptr<const void> files, bool vision,
                   std::optional<DType> as = {}) {
  using B = typename Model::backend;
  check_config(cfg);
  auto store = std::make_shared<WeightStore<B>>(std::move(files));
  DecoderWeights<B> weights;
  LoadVisitor<B, Source> visitor(source, *store, as);
  for_each_tensor<B>(cfg, weights, vision, visitor);
  return Model(be, cfg, weights, std::move(store));
}

}  // namespace proxyv::inline v0
