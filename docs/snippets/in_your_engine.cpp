// ProxyV inside an engine of your own: your memory, your attention, your FFN. Only proxies and the guided
// update are taken from here. Standard library only.
#include <cstdio>
#include <vector>

#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using B = pv::ReferenceBackend;

/// What your engine has: crops of 24 x 24 tokens of width 64, and the update's weights.
constexpr pv::index_t d = 64, h = 32;
constexpr pv::Grid grid{.crops = 2, .side = 24, .factor = 4};

int main() {
  std::vector<float> vision(std::size_t(grid.full_rows() * d), 0.1f), proxies(std::size_t(grid.pooled_rows() * d));
  const std::vector<float> w(2 * h * h + 3 * h * d, 0.01f), gain(d, 1.f);
  const auto weight = [&](pv::index_t rows, pv::index_t cols) { return pv::Weight<>(pv::View<const float>(w.data(), rows, cols)); };

  B be({.workspace_bytes = 1 << 20});
  pv::VisionUpdate<B, void> update({weight(h, d), weight(h, d), weight(h, 2 * h), weight(d, h), {gain.data(), d}}, 1e-5f);
  update.fold(be);                                                              // once, at start-up

  const pv::View<float> full(vision.data(), grid.full_rows(), d), few(proxies.data(), grid.pooled_rows(), d);
  be.bilinear_pool(full, few, grid);                                            // 1152 tokens give 72 proxies
  for (int layer = 0; layer < 3; ++layer) {
    // ... your attention and FFN move the proxies and the text here ...
    update(be, full, few, {}, grid, true);                                      // and the 1152 follow
  }
  std::printf("%lld vision tokens followed %lld proxies\n", static_cast<long long>(full.rows()), static_cast<long long>(few.rows()));
}
