// The stage before the decoder: a CLIP-like encoder of random weights, VisionZip where a case has it, and the
// projector.
#pragma once

#include <string>

#include "proxyv/model/random.hpp"
#include "proxyv/reduce/vision_zip.hpp"
#include "vision_tower.hpp"

namespace bench {

/// The encoder's sizes by name; "none" has no layers. Its patches are the crop's vision tokens, side x side.
/// Throws ArgumentError for another name.
inline pv::ClipConfig encoder_config(const std::string& name, index_t side) {
  if (name == "none") return {};
  const bool large = name == "clip-l";
  PROXYV_CHECK(large || name == "tiny", pv::ArgumentError, "--encoder \"", name,
               "\", wanted none, clip-l or tiny");
  pv::ClipConfig c;
  c.hidden = large ? 1024 : 64;
  c.layers = large ? 24 : 4;
  c.heads = large ? 16 : 4;
  c.ffn = 4 * c.hidden;
  c.patch_size = large ? 14 : 4;
  c.image_size = side * c.patch_size;
  return c;
}

/// Weights and work of the stage on engine B.
template <class B>
class EncoderStage {
 public:
  EncoderStage(B& be, const pv::ClipConfig& clip, index_t hidden, const pv::RandomOptions& random)
      : hidden_(hidden), tower_(be, clip, hidden, pv::detail::RandomVisitor<B, B>(be, random, store_)) {}

  const pv::ClipConfig& config() const { return tower_.encoder.config(); }
  index_t tokens(index_t crops, const pv::ZipSettings& zip) const {
    return crops * (zip.on() ? zip.tokens() : config().patches());
  }

  /// patches [crops * patches, 3 * patch_size^2] in, tokens [tokens(crops, zip), hidden] out.
  template <class E>
  void operator()(E& be, pv::In<B> patches, pv::Out<B> tokens, const pv::ZipSettings& zip) const {
    auto frame = be.frame();
    const auto features = frame.matrix(tokens.rows(), config().hidden);
    if (zip.on()) reduced(be, patches, features, zip);
    else tower_.encoder(be, patches, features);
    tower_.projector(be, features, tokens);
  }

  pv::Cost cost(index_t crops, const pv::ZipSettings& zip) const {
    pv::PlanBackend<B> plan;
    (*this)(plan, pv::In<B>(nullptr, crops * config().patches(), config().patch_width()),
            pv::Out<B>(nullptr, tokens(crops, zip), hidden_), zip);
    return plan.cost();
  }

 private:
  template <class E>
  void reduced(E& be, pv::In<B> patches, pv::Out<B> features, const pv::ZipSettings& zip) const {
    if constexpr (pv::RankOps<E> && pv::MergeOps<E>) {
      tower_.encoder.tapped(be, patches, [&](auto& engine, const pv::ClipTap<B>& tap) {
        const pv::VisionZip<B> reduce(zip, config().heads, config().patches() + 1);
        reduce(engine, tap.cls_weights, tap.keys, tap.hidden, features, [](index_t, const auto&) {});
      });
    } else {
      PROXYV_CHECK(false, pv::ArgumentError, "VisionZip: the engine lacks its ops (RankOps, MergeOps)");
    }
  }

  index_t hidden_;
  pv::WeightStore<B> store_;
  VisionTower<B> tower_;
};

}  // namespace bench
