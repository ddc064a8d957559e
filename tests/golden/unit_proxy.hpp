// Unit operations of ProxyV: making proxies, the guided update, the light MLP.
#pragma once

#include "golden/unit_op.hpp"
#include "proxyv/model/config.hpp"
#include "proxyv/proxy/bilinear_pool.hpp"
#include "proxyv/proxy/learned_pool.hpp"
#include "proxyv/proxy/vision_update.hpp"
#include "proxyv/study/light_mlp.hpp"

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
void check_spatial_proxy_init(EngineOp<B>& op) {
  const Grid grid = read_grid(op, op.params().index("r", 1, 65536));
  const auto s = op.shape("full", 3);
  const std::vector<float> full = op.floats("full");
  std::vector<float> proxies;
  op.run([&](auto& be) {
    const Tensor<B> in(be, rows_of(full, s[0] * s[1], s[2])), out(be, grid.pooled_rows(), s[2]);
    BilinearPool<B, RuntimeConfig>()(be, in.view(), out.view(), {}, grid);
    proxies = read<B>(be, out.view());
  });
  op.close("proxy", proxies, shape_of(s[0], grid.pooled_rows() / s[0], s[2]));
}

template <class B>
void check_learned_proxy_init(EngineOp<B>& op) {
  const Grid grid = read_grid(op, 1);
  const auto s = op.shape("full", 3), st = op.shape("proxyv_tokens", 2);
  const index_t rows = s[0] * s[1], n = st[0];
  const std::vector<float> full = op.floats("full");
  const LearnedPool<B, RuntimeConfig> pool({op.weight("Wk.weight"), op.matrix("proxyv_tokens")});
  std::vector<float> proxies, splat;
  op.run([&](auto& be) {
    const Tensor<B> in(be, rows_of(full, rows, s[2])), out(be, grid.crops * n, s[2]), spread(be, rows, n);
    pool(be, in.view(), out.view(), spread.view(), grid);
    proxies = read<B>(be, out.view());
    splat = read<B>(be, spread.view());
  });
  op.close("proxy", proxies, shape_of(s[0], grid.crops / s[0] * n, s[2]));
  op.close("splat", splat, shape_of(grid.crops, grid.side * grid.side, n));
}

/// splat: none for spatial proxies.
template <class B, template <class, class> class Update>
void check_update_of(EngineOp<B>& op, const Grid& grid, View<const float> splat) {
  using Guided = Update<B, RuntimeConfig>;
  const auto s = op.shape("full", 3), sp = op.shape("proxy", 3);
  const std::vector<float> before = op.floats("full"), proxies = op.floats("proxy");
  Guided update({op.weight("context_proj.weight"), op.weight("input_proj.weight"), op.weight("proj.0.weight"),
                 op.weight("proj.2.weight"), op.vector("layernorm_post.weight")},
                op.eps("rms_norm_eps"));
  update.fold(op.maker());
  for (const bool folded : {true, false}) {
    op.begin(folded ? "folded" : "plain");
    std::vector<float> after;
    op.run([&](auto& be) {
      const Tensor<B> full(be, rows_of(before, s[0] * s[1], s[2])),
          few(be, rows_of(proxies, sp[0] * sp[1], sp[2])), spread(be, splat);
      update(be, full.view(), few.view(), spread.view(), grid, folded);
      after = read<B>(be, full.view());
    });
    op.close("new_full", after, shape_of(s[0], s[1], s[2]));
  }
}

template <class B>
void check_vision_update(EngineOp<B>& op) {
  if (!op.params().flag_or("learned", false))
    return check_update_of<B, VisionUpdate>(op, read_grid(op, op.params().index("r", 1, 65536)), {});
  const Grid grid = read_grid(op, 1);
  const index_t n = op.shape("splat", 3)[2];
  const std::vector<float> splat = op.floats("splat", shape_of(grid.crops, grid.side * grid.side, n));
  check_update_of<B, SplatUpdate>(op, grid, rows_of(splat, grid.full_rows(), n));
}

/// The light MLP, plain and folded.
template <class B>
void check_light_mlp(EngineOp<B>& op) {
  const auto s = op.shape("x", 3);
  const index_t rows = s[0] * s[1];
  const bool normed = op.params().flag_or("post_norm", false);
  LightMlp<B> light({op.weight("input_proj.weight"), op.weight("proj.0.weight"), op.weight("proj.2.weight"),
                     normed ? op.vector("layernorm_post.weight") : Vec<B>()},
                    op.eps("rms_norm_eps"));
  const std::vector<float> x = op.floats("x");
  light.fold(op.maker());
  for (const bool folded : {true, false}) {
    op.begin(folded ? "folded" : "plain");
    std::vector<float> y;
    op.run([&](auto& be) {
      const Tensor<B> stream(be, rows_of(x, rows, s[2]));
      light(be, stream.view(), folded);
      y = read<B>(be, stream.view());
    });
    op.close("y", y, shape_of(s[0], s[1], s[2]));
  }
}

}  // namespace golden
