// What each exact saving saves at the size of Vicuna-7B: the table of docs/method.md. Standard library only.
#include <cmath>
#include <cstdio>
#include <vector>

#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = pv::ReferenceBackend;

/// Prompts of 5 crops and 50 words.
template <class Model>
double gflop(const pv::RuntimeConfig& config, const pv::Savings& savings) {
  pv::PlanBackend<Engine> plan;
  const Model model(plan, config, pv::shape_only_weights<Engine>(config));
  std::vector<pv::TokenId> ids(51, 1);
  ids[0] = pv::image_token;
  const pv::ImageSlot image{.crops = 5};
  const pv::TokenLayout layout({ids.data(), 51}, {&image, 1}, model.crop_shape());
  return model.plan_prefill(layout, {.savings = savings}).flops() / 1e9;
}

int main() {
  const auto spatial = pv::RuntimeConfig::from(pv::presets::Vicuna7B{});
  auto learned = spatial;
  learned.learned_proxies = true;
  const auto of_spatial = [&](const pv::Savings& s) { return gflop<pv::ProxyDecoder<Engine>>(spatial, s); };
  const auto of_learned = [&](const pv::Savings& s) { return gflop<pv::LearnedProxyDecoder<Engine>>(learned, s); };

  const double plain = of_spatial(pv::Savings::none());
  std::printf("as published       %8.1f GFLOP\n", plain);
  std::printf("folded_update    - %8.1f\n", plain - of_spatial({.folded_update = true, .split_attention = false, .dead_rows = false}));
  std::printf("split_attention  - %8.1f\n", plain - of_spatial({.folded_update = false, .split_attention = true, .dead_rows = false}));
  std::printf("dead_rows        - %8.1f\n", plain - of_spatial({.folded_update = false, .split_attention = false, .dead_rows = true}));
  std::printf("all three          %8.1f\n", of_spatial({}));
  std::printf("learned proxies    %8.1f as published, %.1f with all three\n", of_learned(pv::Savings::none()), of_learned({}));
  // The page quotes these.
  const bool as_quoted = std::abs(plain - 23195.0) < 0.1 && std::abs(of_spatial({}) - 22636.1) < 0.1 &&
                         std::abs(of_learned(pv::Savings::none()) - 23690.4) < 0.1 && std::abs(of_learned({}) - 22665.6) < 0.1;
  return as_quoted ? 0 : 1;
}
