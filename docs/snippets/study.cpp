// The snippets of docs/study.md: studies by name, at run time, and before proxies. Standard library only.
#include <cmath>
#include <cstdio>
#include <vector>

#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = pv::ReferenceBackend;

// Stacks by name. Vicuna-7B whose vision tokens have no attention from layer 12 on:
using Skipped = pv::Decoder<Engine, pv::presets::Vicuna7B, pv::Stack<12, pv::DecoderLayer>, pv::AttentionSkipStack<20>>;
// Masking needs no weights of its own, so it may stand anywhere, also before proxies:
using MaskedThenProxies = pv::Decoder<Engine, pv::presets::Vicuna7B, pv::Stack<8, pv::DecoderLayer>, pv::VisionMaskStack<4>,
                                      pv::ProxyStack<20, pv::BilinearPool, pv::VisionUpdate>>;

/// GFLOP of the paper's prompt: 5 crops, 50 words.
template <class Model>
double gflop(const typename Model::config_type& config) {
  pv::PlanBackend<Engine> plan;
  const Model model(plan, config, pv::shape_only_weights<Engine>(config));
  std::vector<pv::TokenId> ids(51, 1);
  ids[0] = pv::image_token;
  const pv::ImageSlot image{.crops = 5};
  const pv::TokenLayout layout({ids.data(), 51}, {&image, 1}, model.crop_shape());
  return model.plan_prefill(layout, {.savings = pv::Savings::none()}).flops() / 1e9;
}

int main() {
  // The same at run time: what a checkpoint's config.json says ends up here.
  auto config = pv::RuntimeConfig::from(pv::presets::Vicuna7B{});
  config.proxy_start = 12;
  config.study = {.kind = pv::Study::attn_skip_keep};
  const double chosen = gflop<pv::StudyDecoder<Engine>>(config);

  const double named = gflop<Skipped>({}), mixed = gflop<MaskedThenProxies>({});
  std::printf("attention skipped from layer 12: %.1f GFLOP, at run time %.1f; masked, then proxies: %.1f\n", named, chosen, mixed);
  return named == chosen && std::abs(named - 37828.2) < 0.1 && mixed < 23195.0 ? 0 : 1;
}
