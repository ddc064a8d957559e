// Unit operations of ProxyV: making proxies, the guided update, the light MLP.
#pragma once

#include "golden/unit_op.hpp"
#include "proxyv/model/config.hpp"
#include "proxyv/proxy/bilinear_pool.hpp"
#include "proxyv/proxy/learned_pool.hpp"
#include "proxyv/proxy/vision_update.hpp"

namespace golden {

/// The raster of all crops of tensor "full" [batch, crops * tokens, width]; rows of a batch are just more
/// crops.
inline Grid read_grid(const UnitOp& op, index_t factor) {
  const auto s = op.shape("full", 3);
  const index_t tokens = op.params().index("per_crop_token_len", 1, index_t{1} << 24);
  Grid grid{.crops = s[0] * s[1] / tokens, .side = 1, .factor = factor};
  while (grid.side * grid.side < tokens) ++grid.side;
  PROXYV_CHECK(grid.side * grid.side == tokens && s[1] % tokens == 0, LoadError,
               op.params().place("per_crop_token_len").file, ": ",
               op.params().place("per_crop_token_len").key, ": wanted a square that divides ", s[1],
               " tokens, found ", tokens);
  return grid;
}

template <class B>
void check_spatial_proxy_init(UnitOp& op) {
  const Grid grid = read_grid(op, op.params().index("r", 1, 65536));
  const auto s = op.shape("full", 3);
  const std::vector<float> full = op.floats("full");
  std::vector<float> proxies = room(grid.pooled_rows() * s[2]);
  op.run<B>([&](auto& be) {
    BilinearPool<B, RuntimeConfig>()(be, In<B>(full.data(), s[0] * s[1], s[2]),
                                     Out<B>(proxies.data(), grid.pooled_rows(), s[2]), {}, grid);
  });
  op.close("proxy", proxies, shape_of(s[0], grid.pooled_rows() / s[0], s[2]));
}

template <class B>
void check_learned_proxy_init(UnitOp& op) {
  const Grid grid = read_grid(op, 1);
  const auto s = op.shape("full", 3), st = op.shape("proxyv_tokens", 2);
  const index_t rows = s[0] * s[1], n = st[0];
  const std::vector<float> full = op.floats("full"), tokens = op.floats("proxyv_tokens");
  std::vector<float> proxies = room(grid.crops * n * s[2]), splat = room(rows * n);
  const LearnedPool<B, RuntimeConfig> pool({op.weight("Wk.weight"), In<B>(tokens.data(), n, st[1])});
  op.run<B>([&](auto& be) {
    pool(be, In<B>(full.data(), rows, s[2]), Out<B>(proxies.data(), grid.crops * n, s[2]),
         Out<B>(splat.data(), rows, n), grid);
  });
  op.close("proxy", proxies, shape_of(s[0], grid.crops / s[0] * n, s[2]));
  op.close("splat", splat, shape_of(grid.crops, grid.side * grid.side, n));
}

template <class B, template <class, class> class Update>
void check_update_of(UnitOp& op, const Grid& grid, In<B> splat) {
  using Guided = Update<B, RuntimeConfig>;
  const auto s = op.shape("full", 3), sp = op.shape("proxy", 3);
  const std::vector<float> before = op.floats("full"), proxies = op.floats("proxy");
  Guided update({op.weight("context_proj.weight"), op.weight("input_proj.weight"), op.weight("proj.0.weight"),
                 op.weight("proj.2.weight"), op.vector("layernorm_post.weight")},
                op.eps("rms_norm_eps"));
  B maker = op.plain_engine<B>();
  update.fold(maker);
  for (const bool folded : {true, false}) {
    op.begin(folded ? "folded" : "plain");
    std::vector<float> full = before;
    op.run<B>([&](auto& be) {
      update(be, Out<B>(full.data(), s[0] * s[1], s[2]), In<B>(proxies.data(), sp[0] * sp[1], sp[2]), splat,
             grid, folded);
    });
    op.close("new_full", full, shape_of(s[0], s[1], s[2]));
  }
}

template <class B>
void check_vision_update(UnitOp& op) {
  if (!op.params().flag_or("learned", false))
    return check_update_of<B, VisionUpdate>(op, read_grid(op, op.params().index("r", 1, 65536)), {});
  const Grid grid = read_grid(op, 1);
  const index_t n = op.shape("splat", 3)[2];
  const std::vector<float> splat = op.floats("splat", shape_of(grid.crops, grid.side * grid.side, n));
  check_update_of<B, SplatUpdate>(op, grid, In<B>(splat.data(), grid.full_rows(), n));
}

/// x + out silu(mix(input x)), then a norm if asked for: composed from the library's layers.
template <class B>
void check_light_mlp(UnitOp& op) {
  const auto s = op.shape("x", 3);
  const index_t rows = s[0] * s[1];
  const Linear<B> input(op.weight("input_proj.weight")), mix(op.weight("proj.0.weight")),
      out(op.weight("proj.2.weight"));
  const bool normed = op.params().flag_or("post_norm", false);
  const RmsNorm<B> norm =
      normed ? RmsNorm<B>(op.vector("layernorm_post.weight"), op.eps("rms_norm_eps")) : RmsNorm<B>();
  std::vector<float> x = op.floats("x");
  const Out<B> view(x.data(), rows, s[2]);
  op.run<B>([&](auto& be) {
    auto frame = be.frame();
    auto inner = frame.matrix(rows, input.out()), mixed = frame.matrix(rows, mix.out());
    input(be, view, inner);
    mix(be, inner, mixed, {.act = Act::silu});
    out(be, mixed, view, {.beta = 1.f});
    if (normed) norm(be, view, view);
  });
  op.close("y", x, shape_of(s[0], s[1], s[2]));
}

}  // namespace golden
