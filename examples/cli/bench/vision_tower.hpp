// A CLIP-like encoder with its projector, of weights that are drawn or loaded.
#pragma once

#include "proxyv/vision/clip_encoder.hpp"
#include "proxyv/vision/projector.hpp"
#include "settings.hpp"

namespace bench {

template <class B>
struct VisionTower {
  /// visit: a visitor that fills weights; where it keeps them must outlive the tower.
  template <class Visitor>
  VisionTower(B& be, const pv::ClipConfig& clip, index_t hidden, Visitor&& visit)
      : encoder(be, clip, filled<pv::ClipWeights<B>>(visit, clip)),
        projector(filled<pv::ProjectorWeights<B>>(visit, clip.hidden, hidden)) {}

  pv::ClipEncoder<B> encoder;
  pv::Projector<B> projector;

 private:
  template <class Weights, class Visitor, class... Sizes>
  static Weights filled(Visitor& visit, const Sizes&... sizes) {
    Weights weights;
    pv::for_each_tensor<B>(sizes..., weights, visit);
    return weights;
  }
};

}  // namespace bench
