// What loaded or drawn weights need to stay alive.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "proxyv/backend/packed.hpp"
#include "proxyv/core/buffer.hpp"
#include "proxyv/model/weights.hpp"

namespace proxyv::inline v0 {

/// Owns files that weights lie in and tensors made at loading; a decoder keeps one as its owner.
template <class B>
class WeightStore {
 public:
  explicit WeightStore(std::shared_ptr<const void> files = nullptr) : files_(std::move(files)) {}

  template <class T>
  T* keep(Buffer<T, SpaceOf<B>> buffer) {
    auto shared = std::make_shared<Buffer<T, SpaceOf<B>>>(std::move(buffer));
    T* data = shared->data();
    kept_.push_back({data, std::move(shared)});
    return data;
  }
  /// The weight as this engine reads it fastest (backend/packed.hpp); rows that were kept here for it go.
  template <class E>
  WeightOf<B> pack(E& be, const WeightOf<B>& w) {
    const auto packed = packed_weight<B>(be, w, [this](Buffer<std::byte, SpaceOf<B>> buffer) { return keep(std::move(buffer)); });
    if (packed.data() != w.data()) release(w.data());
    return packed;
  }
  /// Gives a tensor's memory back; nothing happens for one that lies in the files.
  void release(const void* data) {
    std::erase_if(kept_, [&](const Kept& kept) { return data != nullptr && kept.data == data; });
  }
  /// Gives back what only the plain form of the vision updates reads. The model must not run it afterwards
  /// (Decoder::drop_plain_updates).
  void release_plain_updates(const DecoderWeights<B>& weights) {
    for (const auto& u : weights.updates)
      for (const auto* weight : {&u.context, &u.input, &u.mix}) release(weight->data());
  }

 private:
  struct Kept {
    const void* data;
    std::shared_ptr<const void> tensor;
  };
  std::shared_ptr<const void> files_;
  std::vector<Kept> kept_;
};

/// A decoder of these weights, which lie in the store; without what only the plain updates read, unless wanted.
template <class Model, class E, class B = typename Model::backend>
Model decoder_of(E& be, const typename Model::config_type& cfg, const DecoderWeights<B>& weights, std::shared_ptr<WeightStore<B>> store,
                 bool plain_updates) {
  Model model(be, cfg, weights, store);
  if (!plain_updates) model.drop_plain_updates(), store->release_plain_updates(weights);
  return model;
}

}  // namespace proxyv::inline v0
