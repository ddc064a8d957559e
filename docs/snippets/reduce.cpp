// The code of docs/reduce.md, compiled and run: dropping, merging, planning, on a tiny random model.
#include <cstdio>
#include <string>
#include <vector>

#include "proxyv/eigen.hpp"
#include "proxyv/model/lmm.hpp"
#include "proxyv/reduce/plan.hpp"

namespace pv = proxyv;
using Engine = pv::EigenBackend;

// Known at compile time: a member of the configuration, and one DropStack where the drops happen.
struct Pyramid : pv::presets::Tiny {
  static constexpr pv::Reduction reduction{.drops = pv::DropSchedule::pyramid_drop({1, 2}, {0.5, 0.25})};
};
using PyramidDecoder = pv::Decoder<Engine, Pyramid, pv::DropStack<4>>;

// Learned proxies over what is left. Ranked per crop, for proxies want equally many tokens in every crop.
struct Both : pv::presets::Tiny {
  static constexpr bool learned_proxies = true;
  static constexpr pv::Reduction reduction{.drops = [] {
    auto drops = pv::DropSchedule::fast_v(2, 0.5);
    drops.per_crop = true;
    return drops;
  }()};
};
using BothDecoder =
    pv::Decoder<Engine, Both, pv::DropStack<2>, pv::ProxyStack<2, pv::LearnedPool, pv::SplatUpdate>>;

template <class Model>
double mflop(const Model& model) {
  const std::vector<pv::TokenId> ids{1, pv::image_token, 2, 3};
  const pv::ImageSlot image{.crops = 5};
  const pv::TokenLayout layout({ids.data(), 4}, {&image, 1}, model.crop_shape());
  return model.plan_prefill(layout).flops() / 1e6;
}

int main() {
  Engine loader({});
  const auto plain = pv::random_decoder<pv::PlainDecoder<Engine>>(
      loader, pv::reduce::Setting{}.on(pv::RuntimeConfig::from(Pyramid{})), 1);
  const auto pyramid = pv::random_decoder<PyramidDecoder>(loader, {}, 1);
  const auto both = pv::random_decoder<BothDecoder>(loader, {}, 1);
  std::printf("MFLOP: plain %.1f, PyramidDrop %.1f, FastV and learned proxies %.1f\n", mflop(plain),
              mflop(pyramid), mflop(both));
  if (!(mflop(pyramid) < mflop(plain) && mflop(both) < mflop(plain))) return 1;

  // Any checkpoint, whatever it was trained with: what papers call training-free.
  const std::string folder = "examples/receipts/baseline";
  const pv::Lmm<Engine> zipped(loader, folder,
                               {.reduction = pv::Reduction{.zip = {64, 16, pv::ZipLayout::crop_major}}});
  const pv::Lmm<Engine> dropped(loader, folder,
                                {.reduction = pv::Reduction{.drops = pv::DropSchedule::fast_v(2, 0.5)}});
  std::printf("receipts: %lld of 144 tokens per crop\n", static_cast<long long>(zipped.crop_shape().tokens));
  if (zipped.crop_shape().tokens != 80 || !dropped.config().reduction.drops.on()) return 1;

  const auto vicuna = pv::RuntimeConfig::from(pv::presets::Vicuna7B{});
  for (const pv::reduce::Proposal& p : pv::reduce::plan(vicuna, pv::reduce::Budget::at_most_tokens(1000)))
    std::printf("%s: %.1f tokens in a layer, %.1f %% saved\n", p.method.c_str(), p.tokens, p.percent);
  return 0;
}
