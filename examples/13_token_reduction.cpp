// Lesson 13. Token reduction. Another way to spend less on a picture: throw tokens away. PyramidDrop and
// FastV do it between decoder layers, ranking tokens by how much the question's last word looks at them.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/reduce/plan.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;

pv::TokenLayout layout_of(const auto& model, const std::string& question) {
  std::vector<pv::TokenId> ids{1, pv::image_token, 2};
  for (const char c : question) ids.push_back(c - ' ');
  const pv::ImageSlot image{.crops = 5};
  return {{ids.data(), static_cast<index_t>(ids.size())}, {&image, 1}, model.crop_shape()};
}

/// The vision tokens that are left in the end, as rows of the prompt.
struct KeptRows {
  Engine& be;
  std::vector<std::int32_t> rows;

  void operator()(const pv::DropEvent<Engine>& drop) {
    rows.resize(static_cast<std::size_t>(drop.kept.size()));
    be.download(drop.kept, pv::Span<std::int32_t>(rows.data(), drop.kept.size()));
    be.sync();
  }
  void operator()(const pv::LayerEvent<Engine>&) {}
};

/// A question about a picture: what it costs, and which tokens it leaves.
template <class Model>
std::vector<std::int32_t> ask(const char* name, const pv::RuntimeConfig& config,
                              const std::string& question) {
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, config, 7);
  const pv::TokenLayout layout = layout_of(model, question);
  const Matrix picture = noise(layout.vision(), config.hidden, 1);
  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  pv::Session session(be, model, layout.rows() + 10);
  KeptRows kept{be, {}};
  session.start({layout, picture.view()}, {}, kept);
  if (name == nullptr) return kept.rows;
  std::printf("%-30s", name);
  for (index_t layer = 0; layer < config.layers; ++layer)
    std::printf(" %4lld", static_cast<long long>(session.cache().length(layer)));
  std::printf(" %8.1f\n", model.plan_prefill(layout).flops() / 1e6);
  session.generate({.max_tokens = 3});  // goes on as ever: each layer has its own cache length
  return kept.rows;
}

int main() {
  pv::RuntimeConfig plain = pv::reduce::Setting{}.on(pv::RuntimeConfig::from(pv::presets::Tiny{}));
  const auto with = [&](pv::DropSchedule drops) {
    pv::RuntimeConfig c = plain;
    c.reduction.drops = drops;
    return c;
  };
  using Reduced = pv::ReducedDecoder<Engine>;
  std::printf("%-30s %24s\n", "", "cache rows by layer  MFLOP");
  ask<Reduced>("everything", plain, "What is the total?");
  ask<Reduced>("PyramidDrop", with(pv::DropSchedule::pyramid_drop({1, 2, 3}, {0.5, 0.25, 0.125})),
               "What is the total?");
  const auto fast = with(pv::DropSchedule::fast_v(2, 0.5));
  const auto total = ask<Reduced>("FastV", fast, "What is the total?");

  // Learned proxies over what FastV leaves: ranked crop by crop, so that every crop keeps equally many.
  pv::RuntimeConfig both = with(pv::DropSchedule::fast_v(2, 0.5));
  both.reduction.drops.per_crop = true;
  both.learned_proxies = true;
  both.proxy_start = 2;
  ask<pv::ReducedProxyDecoder<Engine>>("FastV, then learned proxies", both, "What is the total?");

  // Why dropping can lose: another question would have kept other tokens.
  const auto tea = ask<Reduced>(nullptr, fast, "And what does the tea cost");
  std::vector<std::int32_t> common;
  std::set_intersection(total.begin(), total.end(), tea.begin(), tea.end(), std::back_inserter(common));
  std::printf("\nFastV keeps %zu tokens for one question, %zu for another; %s of them differ\n", total.size(),
              tea.size(), common.size() == total.size() ? "none" : "some");

  // A budget in, settings out: Vicuna-7B, five crops, fifty words.
  std::printf("\n%-14s %22s %8s\n", "save 50 %", "tokens in a layer", "saved");
  for (const auto& p :
       pv::reduce::plan(pv::RuntimeConfig::from(pv::presets::Vicuna7B{}), pv::reduce::Budget::save(50)))
    std::printf("%-14s %22.1f %6.1f %%\n", p.method.c_str(), p.tokens, p.percent);
}
