// Lesson 12. How much of what a vision token computes is needed? The paper's studies as layers: masked, attention
// skipped, attention and FFN skipped. They compose like any layer, and the counting engine tells what each costs.
#include <cstdio>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;

struct Sizes : pv::presets::Tiny {
  static constexpr index_t layers = 4, proxy_start = 2;
  static constexpr pv::StudyVariant study{.kind = pv::Study::attn_ffn_skip, .light_mlp = true};  // for LightMlpStack
};
using First = pv::Stack<2, pv::DecoderLayer>;  // layers 0-1: every token

using Plain = pv::Decoder<Engine, Sizes, First, pv::Stack<2, pv::DecoderLayer>>;
using Masked = pv::Decoder<Engine, Sizes, First, pv::VisionMaskStack<2>>;
using Dropped = pv::Decoder<Engine, Sizes, First, pv::AttentionDropStack<2>>;
using Kept = pv::Decoder<Engine, Sizes, First, pv::AttentionSkipStack<2>>;
using Skipped = pv::Decoder<Engine, Sizes, First, pv::FfnSkipStack<2>>;
using Light = pv::Decoder<Engine, Sizes, First, pv::LightMlpStack<2>>;
// pv::LightMlpStack<2>, First would not compile: "layers with a light MLP must be the last stack".

// One picture of two crops, and text around it.
const pv::TokenId prompt[] = {1, pv::image_token, 2, 3, 4};
const pv::ImageSlot image{.crops = 2};

/// The same random weights in each; only the layers differ. What the last word sees is what a question sees.
template <class Model>
void show(const char* name, const Matrix& picture, double plain_flops, const Matrix& plain_logits) {
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, Sizes{}, 42);
  const pv::TokenLayout layout({prompt, 5}, {&image, 1}, model.crop_shape());
  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  pv::KvCache<Engine> cache(be, model.cache_shape(layout.rows()));
  Matrix logits(1, Sizes::vocab);
  model.prefill(be, {layout, picture.view()}, cache, logits.view());
  const double flops = model.plan_prefill(layout, {.savings = pv::Savings::none()}).flops();
  std::printf("%-36s %6.1f MFLOP %6.1f %% saved   logits move by %.2f\n", name, flops / 1e6, 100.0 * (1.0 - flops / plain_flops),
              lesson::difference(logits.view(), plain_logits.view()));
}

int main() {
  Engine loader({});
  const auto model = pv::random_decoder<Plain>(loader, Sizes{}, 42);
  const pv::TokenLayout layout({prompt, 5}, {&image, 1}, model.crop_shape());
  const Matrix picture = noise(layout.vision(), Sizes::hidden, 1);
  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  pv::KvCache<Engine> cache(be, model.cache_shape(layout.rows()));
  Matrix logits(1, Sizes::vocab);
  model.prefill(be, {layout, picture.view()}, cache, logits.view());
  const double flops = model.plan_prefill(layout, {.savings = pv::Savings::none()}).flops();
  std::printf("%lld vision tokens; plain in layers 0-1, and in layers 2-3:\n", static_cast<long long>(layout.vision()));

  show<Plain>("plain", picture, flops, logits);
  show<Masked>("vision does not see vision", picture, flops, logits);
  show<Dropped>("attention dropped", picture, flops, logits);
  show<Kept>("attention skipped, own value kept", picture, flops, logits);
  show<Skipped>("attention and FFN skipped", picture, flops, logits);
  show<Light>("attention and FFN skipped, light MLP", picture, flops, logits);
}
