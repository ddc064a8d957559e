// The snippets of docs/use.md about threads. Returns 0 when everything is as the page says.
#include <vector>

#include "../../examples/thread_pool.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using pv::index_t;

using Model = pv::ProxyDecoder<pv::EigenBackend, pv::presets::Tiny>;

std::vector<float> logits_of(pv::EigenBackend& be, const Model& model) {
  std::vector<pv::TokenId> ids(200, 3);
  const pv::TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())}, {}, model.crop_shape());
  std::vector<float> out(static_cast<std::size_t>(model.config().vocab));
  pv::KvCache<pv::EigenBackend> cache(be, model.cache_shape(layout.rows()));
  model.prefill(be, {layout, {}}, cache, {out.data(), 1, model.config().vocab});
  return out;
}

int main() {
  pv::EigenBackend loader(pv::HostOptions{});
  const Model model = pv::random_decoder<Model>(loader, pv::presets::Tiny{}, 1);
  pv::EigenBackend alone({.workspace_bytes = 64 << 20});

  ThreadPool mine(4);  // yours: anything with run(parts, f)
  pv::EigenBackend be({.threads = 4, .workspace_bytes = 64 << 20, .pool = pv::host_pool(mine)});

  return logits_of(alone, model) == logits_of(be, model) ? 0 : 1;
}
