// Spatial proxies: each crop, bilinearly reduced.
#pragma once

#include "proxyv/proxy/proxy_stream.hpp"

namespace proxyv::inline v0 {

/// Initial spatial proxies of a crop raster. Not a block mean: with half-pixel centres and no
/// antialiasing an odd factor picks the centre token, an even one averages the inner 2 x 2.
/// full [crops*side^2, hidden] in; proxies [crops*(side/factor)^2, hidden] out.
/// Source: ProxyV section 3.3; get_image_proxy in llava_llama.py of the reference.
template <class B, class Cfg>
class BilinearPool {
 public:
  static constexpr bool learned = false;
  struct Weights {};

  explicit BilinearPool(const Weights& = {}) {}

  template <class E>
    requires ProxyOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> full, Out<B> proxies, Out<B> /*splat*/, const Grid& grid) const {
    be.bilinear_pool(full, proxies, grid);
  }
};

}  // namespace proxyv::inline v0
