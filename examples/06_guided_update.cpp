// Lesson 6. The guided update: after each layer the full vision tokens follow their proxies, without
// attention and without an FFN:   full <- rms_norm(full + out silu(mix [input full ; context proxy]))
// Nothing bends between input and mix, so mix can be multiplied into both beforehand: the folded form.
#include <cstdio>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;
using Sizes = pv::presets::Tiny;
using Update = pv::VisionUpdate<Engine, Sizes>;

/// What one update costs at the sizes of Vicuna-7B: 5 crops of 24 x 24 tokens, one proxy per 4 x 4.
pv::Cost cost_at_real_size(bool folded) {
  using Big = pv::presets::Vicuna7B;
  constexpr index_t d = Big::hidden, h = Big::update_inner;
  const auto shape = [](index_t rows, index_t cols) { return pv::WeightOf<Engine>(nullptr, pv::DType::bf16, rows, cols); };
  const pv::Grid grid{.crops = 5, .side = Big::crop_side, .factor = Big::proxy_factor};
  pv::VisionUpdate<Engine, Big> update({shape(h, d), shape(h, d), shape(h, 2 * h), shape(d, h), {nullptr, d}}, Big::norm_eps);

  pv::PlanBackend<Engine> start_up, plan;
  update.fold(start_up);
  update(plan, {nullptr, grid.full_rows(), d}, {nullptr, grid.pooled_rows(), d}, {}, grid, folded);
  return plan.cost();
}

int main() {
  constexpr index_t d = Sizes::hidden, h = Sizes::update_inner;
  const Matrix context = noise(h, d, 1, 0.2f), input = noise(h, d, 2, 0.2f);
  const Matrix mix = noise(h, 2 * h, 3, 0.2f), out = noise(d, h, 4, 0.2f), gain(1, d, 1.f);

  Engine be({.workspace_bytes = 1 << 20});
  Update update({context.weight(), input.weight(), mix.weight(), out.weight(), gain.span()}, Sizes::norm_eps);
  update.fold(be);  // once, at start-up

  // One crop of 8 x 8 vision tokens and its 2 x 2 proxies, as they leave a layer.
  const pv::Grid grid{.crops = 1, .side = 8, .factor = 4};
  const Matrix full = noise(grid.full_rows(), d, 5);
  Matrix proxies = noise(grid.pooled_rows(), d, 6);
  Matrix plain = full, folded = full, other = full;
  update(be, plain.view(), proxies.view(), {}, grid, false);
  update(be, folded.view(), proxies.view(), {}, grid, true);
  std::printf("folded equals plain:  %s\n\n", lesson::same(folded.view(), plain.view()));

  // Change one proxy: only the 4 x 4 tokens that it stands for follow.
  for (index_t j = 0; j < d; ++j) proxies.view()(1, j) += 1.f;
  update(be, other.view(), proxies.view(), {}, grid, true);
  std::printf("proxy 1 changes, and with it ('#'):\n");
  for (index_t y = 0; y < grid.side; ++y) {
    for (index_t x = 0; x < grid.side; ++x) {
      const index_t token = y * grid.side + x;
      const bool moved = lesson::difference(other.view().row_range(token, 1), folded.view().row_range(token, 1)) > 1e-4;
      std::printf(" %c", moved ? '#' : '.');
    }
    std::printf("\n");
  }

  const double one = cost_at_real_size(false).flops() / 1e9, two = cost_at_real_size(true).flops() / 1e9;
  std::printf("\none update at the sizes of Vicuna-7B\n  plain   %.1f GFLOP\n  folded  %.1f GFLOP, %.1f %% less\n", one, two,
              100.0 * (1.0 - two / one));
  std::printf("the workspace: %.1f and %.1f MiB\n", static_cast<double>(cost_at_real_size(false).workspace) / 1048576.0,
              static_cast<double>(cost_at_real_size(true).workspace) / 1048576.0);
}
