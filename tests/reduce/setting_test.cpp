#include "proxyv/reduce/setting.hpp"

#include "proxyv/model/presets.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("setting: puts itself on a model's sizes and nothing else") {
  const RuntimeConfig vicuna = RuntimeConfig::from(proxyv::presets::Vicuna7B{});
  const RuntimeConfig off = reduce::Setting{}.on(vicuna);
  CHECK(off.proxy_start == off.layers);
  CHECK_FALSE(off.reduction.on());
  const RuntimeConfig both = reduce::presets::proxyv_on_vision_zip().on(vicuna);
  CHECK(tokens_per_crop(both) == 400);
  CHECK(proxies_per_crop(both) == 25);
  CHECK(both.proxy_start == 12);
  CHECK(both.learned_proxies);
  CHECK_NOTHROW(check_config(both));
  const RuntimeConfig pyramid = reduce::presets::pyramid_drop().on(vicuna);
  CHECK(pyramid.reduction.drops.count == 3);
  CHECK(pyramid.reduction.drops.layers[2] == 24);
  CHECK(pyramid.hidden == vicuna.hidden);
}
