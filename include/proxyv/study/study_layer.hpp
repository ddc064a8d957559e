// A layer of whichever study a checkpoint is: chosen once, when it is made.
#pragma once

#include <utility>
#include <variant>

#include "proxyv/study/attention_skip.hpp"
#include "proxyv/study/ffn_skip.hpp"
#include "proxyv/study/vision_mask.hpp"

namespace proxyv::inline v0 {

/// One of the studies' layers, or a plain one (Study::none), as the variant says.
template <class B, class Cfg>
class StudyLayer {
 public:
  /// light: the light MLP where the variant has one.
  StudyLayer(const DecoderBlock<B>& block, const StudyVariant& study, LightMlp<B> light)
      : layer_(LightMlpLayer<B, Cfg>(block, std::move(light))) {
    PROXYV_CHECK(study.kind == Study::attn_ffn_skip && study.light_mlp, ArgumentError,
                 "StudyLayer: a light MLP for a study without one");
  }
  StudyLayer(const DecoderBlock<B>& block, const StudyVariant& study) : layer_(choose(block, study)) {}

  /// As DecoderLayer.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted, const Savings& savings = {}) const {
    const auto run = [&]<class L>(const L& chosen) {
      if constexpr (std::same_as<L, LightMlpLayer<B, Cfg>>) {
        chosen(be, layer, s, wanted, savings);
      } else {
        chosen(be, layer, s, wanted);
      }
    };
    std::visit(run, layer_);
  }

  const DecoderBlock<B>& block() const {
    return std::visit([](const auto& chosen) -> const DecoderBlock<B>& { return chosen.block(); }, layer_);
  }

 private:
  using Any = std::variant<DecoderLayer<B, Cfg>, VisionMaskLayer<B, Cfg>, AttentionDropLayer<B, Cfg>,
                           AttentionKeepLayer<B, Cfg>, FfnSkipLayer<B, Cfg>, LightMlpLayer<B, Cfg>>;

  static Any choose(const DecoderBlock<B>& block, const StudyVariant& study) {
    switch (study.kind) {
      case Study::mask_v2v: return VisionMaskLayer<B, Cfg>(block, study);
      case Study::attn_skip_drop: return AttentionDropLayer<B, Cfg>(block);
      case Study::attn_skip_keep: return AttentionKeepLayer<B, Cfg>(block);
      case Study::attn_ffn_skip:
        PROXYV_CHECK(!study.light_mlp, ArgumentError,
                     "StudyLayer: the study has a light MLP, but its weights were not given");
        return FfnSkipLayer<B, Cfg>(block);
      case Study::none: break;
    }
    return DecoderLayer<B, Cfg>(block);
  }

  Any layer_;
};

}  // namespace proxyv::inline v0
