#include "planning.hpp"

#include "proxyv/backend/reference.hpp"
#include "proxyv/model/lmm.hpp"

namespace cli {
namespace {

namespace pv = proxyv;
using pv::index_t;
using Engine = pv::ReferenceBackend;

template <class Decoder>
Counted count(const pv::RuntimeConfig& config, const Workload& work) {
  pv::PlanBackend<Engine> engine;
  const Decoder decoder(engine, config, pv::shape_only_weights<Engine>(config));
  std::vector<pv::TokenId> ids(static_cast<std::size_t>(work.text), 0);
  if (work.crops > 0) ids.insert(ids.begin(), pv::image_token);
  const pv::ImageSlot image{work.crops};
  const pv::TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())},
                               {&image, work.crops > 0 ? 1 : 0}, decoder.crop_shape());
  return {decoder.plan_prefill(layout, {.savings = pv::Savings::none()}).flops(),
          decoder.plan_prefill(layout).flops()};
}

}  // namespace

Counted count_prefill(const pv::RuntimeConfig& config, const Workload& work) {
  if (config.reduction.drops.on()) {
    if (config.proxy_start == config.layers) return count<pv::ReducedDecoder<Engine>>(config, work);
    if (config.learned_proxies) return count<pv::ReducedProxyDecoder<Engine>>(config, work);
  }
  if (config.proxy_start == config.layers) return count<pv::PlainDecoder<Engine>>(config, work);
  if (config.study.kind != pv::Study::none) return count<pv::StudyDecoder<Engine>>(config, work);
  if (config.learned_proxies) return count<pv::LearnedProxyDecoder<Engine>>(config, work);
  return count<pv::ProxyDecoder<Engine>>(config, work);
}

pv::RuntimeConfig without_method(pv::RuntimeConfig config) {
  config.proxy_start = config.layers;
  config.learned_proxies = false;
  config.study = {};
  config.reduction = {};
  config.crop_proxies = 0;
  return config;
}

}  // namespace cli
