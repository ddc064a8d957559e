// The snippets of docs/look.md. Returns 0 when everything is as the page says.
#include <cmath>
#include <cstdio>
#include <vector>

#include "proxyv/backend/reference.hpp"
#include "proxyv/look/attention.hpp"
#include "proxyv/look/mir.hpp"
#include "proxyv/look/proxy_map.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/model/session.hpp"

namespace pv = proxyv;
using B = pv::ReferenceBackend;
using pv::index_t;

int main() {
  B be({.workspace_bytes = 8 << 20});
  const auto cfg = pv::RuntimeConfig::from(pv::presets::Tiny{});
  const auto model = pv::random_decoder<pv::ProxyDecoder<B>>(be, cfg, 7);
  const std::vector<pv::TokenId> ids{1, pv::image_token, 2, 3};
  const pv::ImageSlot picture{.crops = 2};
  const pv::TokenLayout layout({ids.data(), 4}, {&picture, 1}, model.crop_shape());
  std::vector<float> values(static_cast<std::size_t>(layout.vision() * cfg.hidden));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  const pv::Prompt<B> prompt{layout, {values.data(), layout.vision(), cfg.hidden}};

  pv::Session session(be, model, layout.rows() + 8);
  pv::look::States states(be, cfg.layers);               // a hook: every layer's states, on the host
  session.start(prompt, {.all_rows = true}, states);

  const pv::look::Token last = pv::look::last_token(layout);
  const auto masses = pv::look::attention_masses(be, model, layout, states, session.cache(), {&last, 1});
  for (std::size_t layer = 0; layer < masses.size(); ++layer)
    std::printf("layer %zu: %.3f on vision, %.3f on text\n", layer, masses[layer][0].vision, masses[layer][0].text);

  std::vector<double> terms;
  for (index_t layer = 0; layer < cfg.layers; ++layer) {
    const auto& s = states.after(layer);
    const auto text = s.rest.view().row_range(layout.newlines(), layout.text());
    terms.push_back(pv::look::layer_mir(s.vision.view(), text));
  }
  std::printf("MIR %.3f\n", pv::look::modality_integration_rate(terms));

  const auto maps = pv::look::proxy_maps(be, model, states);  // one per crop
  const auto& map = maps[0];
  for (index_t t = 0; t < map.made_of.cols(); ++t)
    if (map.made_of(0, t) > 0.f) std::printf("proxy 0 is made of token %d (%.2f)\n", static_cast<int>(t), double{map.made_of(0, t)});

  return std::abs(masses.back()[0].total() - 1.0) < 1e-9 && maps.size() == 2 ? 0 : 1;
}
