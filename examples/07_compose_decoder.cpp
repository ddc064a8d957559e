// Lesson 7. A whole decoder, composed from stacks of layers. What comes in which order is decided at
// compile time; the sizes may be constants or numbers read at run time, with the same result.
#include <cstdio>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;

// Sizes: take a preset, change what differs.
struct Sizes : pv::presets::Tiny {
  static constexpr index_t layers = 6, proxy_start = 2;
};
using Composed = pv::Decoder<Engine, Sizes,
                             pv::Stack<2, pv::DecoderLayer>,                           // layers 0-1: every token
                             pv::ProxyStack<4, pv::BilinearPool, pv::VisionUpdate>>;   // layers 2-5: proxies and text
// pv::Stack<3, ...> here would not compile: "the stacks' layer counts must add up to Cfg::layers".

// The twin: dyn counts, sizes from a RuntimeConfig. This is what loading a checkpoint gives.
using Twin = pv::ProxyDecoder<Engine, pv::RuntimeConfig>;

// A real one, as in the paper: Vicuna-7B with proxies from layer 12 on.
using Vicuna = pv::Decoder<Engine, pv::presets::Vicuna7B, pv::Stack<12, pv::DecoderLayer>,
                           pv::ProxyStack<20, pv::BilinearPool, pv::VisionUpdate>>;

template <class Model>
Matrix logits_of(const Model& model, const pv::TokenLayout& layout, const Matrix& picture) {
  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});  // the model says how much it needs
  pv::KvCache<Engine> cache(be, model.cache_shape(layout.rows()));
  Matrix logits(1, model.config().vocab);
  model.prefill(be, {layout, picture.view()}, cache, logits.view());
  return logits;
}

void plan_vicuna() {
  pv::PlanBackend<Engine> plan;
  const pv::presets::Vicuna7B sizes;
  const auto weights = pv::shape_only_weights<Engine>(sizes);
  const Vicuna proxyv(plan, sizes, weights);
  const pv::PlainDecoder<Engine, pv::presets::Vicuna7B> baseline(plan, sizes, weights);

  std::vector<pv::TokenId> ids(51, 1);
  ids[0] = pv::image_token;
  const pv::ImageSlot image{.crops = 5};
  const pv::TokenLayout with({ids.data(), 51}, {&image, 1}, proxyv.crop_shape());
  const pv::TokenLayout without({ids.data(), 51}, {&image, 1}, baseline.crop_shape());
  const double all = baseline.plan_prefill(without, {.savings = pv::Savings::none()}).flops() / 1e12;
  const double paper = proxyv.plan_prefill(with, {.savings = pv::Savings::none()}).flops() / 1e12;
  const double exact = proxyv.plan_prefill(with).flops() / 1e12;
  std::printf("\nVicuna-7B, 2880 + 5 + 50 tokens\n  baseline              %5.1f TFLOP\n", all);
  std::printf("  ProxyV as published   %5.1f TFLOP, %.1f %% saved\n", paper, 100.0 * (1.0 - paper / all));
  std::printf("  with exact savings    %5.1f TFLOP, %.1f %% saved\n", exact, 100.0 * (1.0 - exact / all));
}

int main() {
  Engine loader({});
  const auto composed = pv::random_decoder<Composed>(loader, Sizes{}, 42);
  const auto twin = pv::random_decoder<Twin>(loader, pv::RuntimeConfig::from(Sizes{}), 42);

  const pv::TokenId prompt[] = {1, pv::image_token, 2, 3, 4};
  const pv::ImageSlot image{.crops = 2};
  const pv::TokenLayout layout({prompt, 5}, {&image, 1}, composed.crop_shape());
  const Matrix picture = noise(layout.vision(), Sizes::hidden, 1);
  std::printf("%lld vision tokens, %lld proxies\n", static_cast<long long>(layout.vision()), static_cast<long long>(layout.proxies()));

  const Matrix a = logits_of(composed, layout, picture), b = logits_of(twin, layout, picture);
  std::printf("constants and run-time sizes give the same logits: %s\n", a.numbers == b.numbers ? "yes, bit for bit" : "NO");
  plan_vicuna();
}
