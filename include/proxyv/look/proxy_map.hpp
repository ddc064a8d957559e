// Which full tokens a proxy stands for: what it is made of, and who follows it.
#pragma once

#include <utility>
#include <vector>

#include "proxyv/backend/reference.hpp"
#include "proxyv/look/states.hpp"

namespace proxyv::inline v0 {
namespace look {

/// One crop's proxies. Tokens count along the rows of the crop's raster.
struct ProxyMap {
  Matrix<float> made_of;  ///< [proxies, tokens] how much each token gives to each proxy; rows sum to one
  Matrix<float> follows;  ///< [tokens, proxies] how much each token takes from each proxy; rows sum to one
};

/// Spatial proxies: the bilinear footprint and the upsampled block, the same for every crop. Found by sending
/// one-hot tokens through the reference engine's own ops, so the map cannot differ from what they do.
/// Throws ShapeError when the factor does not divide the side.
inline ProxyMap spatial_proxy_map(index_t side, index_t factor) {
  const Grid grid{1, side, factor};
  PROXYV_CHECK(side > 0 && side <= 256 && factor > 0, ShapeError, "spatial_proxy_map: side ", side,
               " and factor ", factor, ", wanted a side of 1..256");
  ReferenceBackend be{HostOptions{}};
  const auto one_hot = [](index_t n) {
    Matrix<float> m(n, n);
    for (index_t i = 0; i < n; ++i) m(i, i) = 1.f;
    return m;
  };
  const index_t tokens = grid.full_rows(), proxies = grid.pooled_rows();
  ProxyMap map{Matrix<float>(proxies, tokens), Matrix<float>(tokens, proxies)};
  be.bilinear_pool(one_hot(tokens).view(), map.made_of.view(), grid);
  be.upsample(one_hot(proxies).view(), map.follows.view(), grid);
  return map;
}

/// Learned proxies of a prompt, one map per crop: the pool's attention, made again on the engine from the
/// states before the first ProxyV layer, and the splat weights that the prefill used. Throws ShapeError when
/// the states are not those of a prompt with learned proxies, WorkspaceError.
template <class Model, class E>
  requires SameTensorsAs<E, typename Model::backend> std::vector<ProxyMap> learned_proxy_maps(
      E& be, const Model& model, const States<E>& states) {
    const auto& cfg = model.config();
    const auto& pool = model.pool();
    const LayerStates& before = states.before(cfg.proxy_start);
    const index_t tokens = tokens_per_crop(cfg), n = pool.proxies(), crops = before.vision.rows() / tokens;
    PROXYV_CHECK(before.vision.rows() == crops * tokens && before.splat.rows() == crops * tokens &&
                     before.splat.cols() == n,
                 ShapeError, "learned_proxy_maps: ", before.vision.rows(),
                 " vision states with splat weights ", shape_text(before.splat.rows(), before.splat.cols()),
                 ", wanted crops of ", tokens, " and ", n, " proxies");
    std::vector<ProxyMap> maps;
    for (index_t c = 0; c < crops; ++c) {
      auto frame = be.frame();
      auto crop = frame.matrix(tokens, cfg.hidden), keys = frame.matrix(tokens, pool.inner());
      auto attention = frame.matrix(n, tokens);
      ProxyMap map{Matrix<float>(n, tokens), Matrix<float>(tokens, n)};
      be.upload(before.vision.view().row_range(c * tokens, tokens), crop);
      pool.attend(be, crop, keys, attention);
      be.download(attention, map.made_of.view());
      be.sync();
      std::copy_n(before.splat.row(c * tokens), tokens * n, map.follows.row(0));
      maps.push_back(std::move(map));
    }
    return maps;
  }

/// The maps of whatever proxies a model has, one per crop of the prompt.
template <class Model, class E>
  requires SameTensorsAs<E, typename Model::backend> std::vector<ProxyMap> proxy_maps(
      E& be, const Model& model, const States<E>& states) {
    const auto& cfg = model.config();
    if constexpr (std::remove_cvref_t<decltype(model.pool())>::learned) {
      return learned_proxy_maps(be, model, states);
    } else {
      const auto crops = states.before(0).vision.rows() / tokens_per_crop(cfg);
      return std::vector<ProxyMap>(static_cast<std::size_t>(crops),
                                   spatial_proxy_map(cfg.crop_side, cfg.proxy_factor));
    }
  }

}  // namespace look
}  // namespace proxyv::inline v0
