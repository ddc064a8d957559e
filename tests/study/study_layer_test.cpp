#include "proxyv/study/study_layer.hpp"

#include "study/light.hpp"
#include "support/catch.hpp"

using namespace studies;
using small::error_of;

TEST_CASE("study layer: each study is its own layer, bit for bit") {
  World w;
  const auto same = [&](const StudyVariant& study, const auto& layer) {
    return small::same_bits(w.after(StudyLayer<R, int>(w.block(), study), w.x).values,
                            w.after(layer, w.x).values);
  };
  CHECK(same({}, DecoderLayer<R, int>(w.block())));
  for (const bool self : {true, false}) {
    const StudyVariant study{.kind = Study::mask_v2v, .keep_self = self};
    CHECK(same(study, VisionMaskLayer<R, int>(w.block(), study)));
  }
  CHECK(same({.kind = Study::attn_skip_drop}, AttentionDropLayer<R, int>(w.block())));
  CHECK(same({.kind = Study::attn_skip_keep}, AttentionKeepLayer<R, int>(w.block())));
  CHECK(same({.kind = Study::attn_ffn_skip}, FfnSkipLayer<R, int>(w.block())));

  const Light light;
  const StudyLayer<R, int> any(w.block(), {.kind = Study::attn_ffn_skip, .light_mlp = true},
                               light.folded(w.be));
  const LightMlpLayer<R, int> own(w.block(), light.folded(w.be));
  CHECK(small::same_bits(w.after(any, w.x).values, w.after(own, w.x).values));
}

TEST_CASE("study layer: a light MLP where there is none, and none where there is one") {
  World w;
  const Light light;
  CHECK(error_of<ArgumentError>([&] {
          StudyLayer<R, int>(w.block(), {.kind = Study::attn_ffn_skip, .light_mlp = true});
        }) == "StudyLayer: the study has a light MLP, but its weights were not given");
  for (const StudyVariant& study :
       {StudyVariant{.kind = Study::mask_v2v}, StudyVariant{.kind = Study::attn_ffn_skip}})
    CHECK(error_of<ArgumentError>([&] { StudyLayer<R, int>(w.block(), study, light.folded(w.be)); }) ==
          "StudyLayer: a light MLP for a study without one");
}
