// The snippets of docs/engine.md. Returns 0 when everything is as the page says.
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "proxyv/backend/testing.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using pv::index_t;

/// The CPU engine with one op replaced.
struct MyEngine : pv::EigenBackend {
  using pv::EigenBackend::EigenBackend;

  void rms_norm(pv::View<const float> x, pv::Span<const float> gain, pv::View<float> y, float eps) {
    pv::EigenBackend::rms_norm(x, gain, y, eps);  // your own code here
  }
};
static_assert(pv::Backend<MyEngine>);

bool suite() {
  const auto report = pv::testing::run_suite<MyEngine>([] { return MyEngine(pv::HostOptions{.workspace_bytes = 1 << 20}); });
  if (!report.ok()) std::puts(report.text().c_str());
  return report.ok();
}

using Model = pv::ProxyDecoder<pv::EigenBackend, pv::presets::Tiny>;

bool workspace(const Model& model, const pv::TokenLayout& layout, pv::View<const float> picture) {
  const std::size_t bytes = pv::workspace_bytes(model, layout);       // for this prompt and what follows it
  pv::EigenBackend enough({.threads = 2, .workspace_bytes = bytes});
  pv::EigenBackend small({.workspace_bytes = bytes / 2});

  pv::KvCache<pv::EigenBackend> cache(enough, model.cache_shape(layout.rows()));
  std::vector<float> logits(static_cast<std::size_t>(model.config().vocab));
  const pv::View<float> out(logits.data(), 1, model.config().vocab);
  model.prefill(enough, {layout, picture}, cache, out);
  cache.clear();
  try {
    model.prefill(small, {layout, picture}, cache, out);
  } catch (const pv::WorkspaceError& e) {  // thrown before anything is computed
    return e.needed <= bytes && e.available < e.needed && cache.length() == 0;
  }
  return false;
}

bool own_memory() {
  std::vector<std::byte> mine(1 << 20);  // must outlive the engine
  pv::EigenBackend be({.memory = {mine.data(), static_cast<index_t>(mine.size())}});
  auto frame = be.frame();
  const auto scratch = frame.matrix(100, 64);
  const auto* first = reinterpret_cast<const std::byte*>(scratch.data());
  return first >= mine.data() && first < mine.data() + mine.size();
}

bool threads(const Model& model, const pv::TokenLayout& layout, pv::View<const float> picture) {
  // One model, const, for all. Each thread has its own engine and its own session.
  std::vector<std::vector<pv::TokenId>> answers(2);
  const auto work = [&](std::size_t i) {
    pv::EigenBackend be({.workspace_bytes = pv::workspace_bytes(model, layout)});
    pv::Session session(be, model, layout.rows() + 20);
    session.start({layout, picture});
    answers[i] = session.generate({.max_tokens = 20});
  };
  std::thread first(work, 0), second(work, 1);
  first.join();
  second.join();
  return answers[0] == answers[1] && answers[0].size() == 20;
}

bool counting(const Model& model, const pv::TokenLayout& layout) {
  const pv::Cost cost = model.plan_prefill(layout);  // runs the layers on PlanBackend; computes nothing
  std::printf("%.1f MFLOP, of these attention %.1f; %zu bytes of workspace; %lld ops\n", cost.flops() / 1e6,
              cost.attention_flops / 1e6, cost.workspace, static_cast<long long>(cost.ops));
  return cost.flops() > 0.0;
}

int main() {
  pv::EigenBackend loader({});
  const auto model = pv::random_decoder<Model>(loader, {});
  const pv::TokenId prompt[] = {pv::image_token, 1, 2, 3};
  const pv::ImageSlot image{.crops = 2};
  const pv::TokenLayout layout({prompt, 4}, {&image, 1}, model.crop_shape());
  const std::vector<float> picture(static_cast<std::size_t>(layout.vision() * model.config().hidden), 0.1f);
  const pv::View<const float> features(picture.data(), layout.vision(), model.config().hidden);

  const bool all[] = {suite(), workspace(model, layout, features), own_memory(), threads(model, layout, features),
                      counting(model, layout)};
  int wrong = 0;
  for (const bool ok : all) wrong += ok ? 0 : 1;
  std::printf("%d of %zu as the page says\n", static_cast<int>(std::size(all)) - wrong, std::size(all));
  return wrong;
}
