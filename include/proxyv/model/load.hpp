// From named tensors in files to a model's weights: used in place where the engine can, converted
// where it must.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxyv/io/tensor_entry.hpp"
#include "proxyv/model/decoder.hpp"
#include "proxyv/model/weight_store.hpp"

namespace proxyv::inline v0 {

/// Something that finds tensors by name: SafetensorsFile, Checkpoint.
template <class S>
concept TensorSource = requires(const S& s, const std::string& name) {
  { s.at(name) } -> std::convertible_to<io::TensorEntry>;
};

/// How far loading is: bytes of tensors done, as they lie in the files.
struct LoadProgress {
  std::size_t done = 0;
  std::string_view tensor;  ///< the one that was done last
};

/// How tensors are loaded.
struct LoadOptions {
  /// Element type of weight matrices. By default as stored in host memory, and the engine's own elsewhere.
  std::optional<DType> weights{};
  /// False: of the vision updates only the folded weights stay, 2 * inner * (hidden + inner) elements less in each ProxyV
  /// layer, and prompts with Savings::folded_update off are refused. No difference for weights that are used where
  /// they lie in a file.
  bool plain_updates = true;
  /// Packs matrices, embeddings apart, for engines that read them faster so (PackOps: EigenBackend). The copies take the
  /// matrices' bytes in memory of the process, and a mapped file's pages are given back; only engines with the same
  /// panels (EigenBackend of the same level) run the model. False: they are used where they lie.
  bool pack = true;
  /// Called after each tensor.
  std::function<void(const LoadProgress&)> progress{};
};

/// An engine that takes weights out of host memory, at any address, into its own.
template <class B>
concept WeightUploadOps = requires(B& be, const void* host, DType type, index_t n, Elem<B>* dst) { be.upload_weight(host, type, n, dst); };

/// The visitor that loads. In host memory matrices stay where they lie in the file (or are converted, or packed);
/// elsewhere they are copied there. Vectors and dense tensors are converted to the engine's element type.
/// Throws LoadError naming file, tensor, wanted and found.
template <class B, TensorSource Source, class E = B>
class LoadVisitor {
  static constexpr bool in_host_memory = std::same_as<SpaceOf<B>, HostSpace>;
  static_assert(in_host_memory || WeightUploadOps<E>, "proxyv: LoadVisitor: the engine's memory is not the host's, and it has no upload_weight");

 public:
  LoadVisitor(E& be, const Source& source, WeightStore<B>& store, LoadOptions options = {})
      : be_(be), source_(source), store_(store), options_(std::move(options)) {}

  void matrix(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    const io::TensorEntry entry = source_.at(name);
    w = as_stored(entry, rows, cols);
    if constexpr (PackOps<E, B>) {
      if (options_.pack) w = store_.pack(be_, w);
      if constexpr (requires { source_.forget(entry); }) {
        if (w.packed()) source_.forget(entry);
      }
    }
    tell(name, entry);
  }
  /// A matrix whose rows are looked up: never packed.
  void table(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) {
    const io::TensorEntry entry = source_.at(name);
    w = as_stored(entry, rows, cols);
    tell(name, entry);
  }
  void dense(const std::string& name, In<B>& x, index_t rows, index_t cols) { x = {elements(name, rows, cols), rows, cols}; }
  void vector(const std::string& name, Vec<B>& x, index_t n) { x = {elements(name, 1, n), n}; }

 private:
  /// The matrix as the file has it, or converted, or in the engine's own memory.
  WeightOf<B> as_stored(const io::TensorEntry& entry, index_t rows, index_t cols) {
    const Weight<> found = io::as_weight(entry, rows, cols);
    if constexpr (in_host_memory) {
      return options_.weights.value_or(found.type()) == found.type() ? found : converted(entry, rows, cols);
    } else {
      return with_dtype(options_.weights.value_or(dtype_of<Elem<B>>),
                        [&]<class T>(T) { return WeightOf<B>(uploaded<T>(found, rows * cols), dtype_of<T>, rows, cols); });
    }
  }

  const Elem<B>* elements(const std::string& name, index_t rows, index_t cols) {
    const io::TensorEntry entry = source_.at(name);
    const Weight<> found = io::as_weight(entry, rows, cols);  // shape and type
    const Elem<B>* data = nullptr;
    if constexpr (in_host_memory) {
      auto buffer = host_buffer<float>(rows * cols);
      io::copy_f32(entry, buffer.span());
      data = store_.keep(std::move(buffer));
    } else {
      data = uploaded<Elem<B>>(found, rows * cols);
    }
    tell(name, entry);
    return data;
  }

  template <class T>
  const T* uploaded(const Weight<>& found, index_t n) {
    auto buffer = be_.template alloc<T>(n);
    be_.upload_weight(found.data(), found.type(), n, buffer.data());
    return store_.keep(std::move(buffer));
  }

  WeightOf<B> converted(const io::TensorEntry& entry, index_t rows, index_t cols) {
    auto whole = host_buffer<float>(rows * cols);
    io::copy_f32(entry, whole.span());
    return with_dtype(*options_.weights, [&]<class T>(T) {
      auto out = host_buffer<T>(rows * cols);
      for (index_t i = 0; i < out.size(); ++i) out.data()[i] = from_float<T>(whole.data()[i]);
      return WeightOf<B>(store_.keep(std::move(out)), *options_.weights, rows, cols);
    });
  }

  void tell(const std::string& name, const io::TensorEntry& entry) {
    done_ += entry.bytes;
    if (options_.progress) options_.progress({done_, name});
  }

  E& be_;
  const Source& source_;
  WeightStore<B>& store_;
  LoadOptions options_;
  std::size_t done_ = 0;
};

/// Builds a decoder of type Model from named tensors. `files` keeps what `source` points into alive, which
/// engines with memory of their own need only until this returns.
template <class Model, class E, TensorSource Source>
Model load_decoder(E& be, const typename Model::config_type& cfg, const Source& source, std::shared_ptr<const void> files, bool vision,
                   LoadOptions options = {}) {
  using B = typename Model::backend;
  check_config(cfg);
  auto store = std::make_shared<WeightStore<B>>(std::move(files));
  DecoderWeights<B> weights;
  const bool plain_updates = options.plain_updates;
  LoadVisitor<B, Source, E> visitor(be, source, *store, std::move(options));
  for_each_tensor<B>(cfg, weights, vision, visitor);
  return decoder_of<Model>(be, cfg, weights, std::move(store), plain_updates);
}

}  // namespace proxyv::inline v0
