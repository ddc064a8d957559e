// Learned (non-spatial) proxies: queries that attend to a crop, and the weights that spread them back.
#pragma once

#include <cmath>

#include "proxyv/proxy/proxy_stream.hpp"

namespace proxyv::inline v0 {

/// Per crop, with logits A = tokens (full key^T)^T / sqrt(inner):
///   proxies = softmax of A over the crop's tokens, times the raw tokens;
///   splat   = softmax of A^T over the proxies, a distribution over proxies for every token.
/// full [crops*hw, hidden] in; proxies [crops*n, hidden] out; splat [crops*hw, n] out.
/// Source: ProxyV section 3.4; ProxyInitializer in vision_mlp.py of the reference.
template <class B, class Cfg>
class LearnedPool {
 public:
  static constexpr bool learned = true;
  struct Weights {
    WeightOf<B> key;  ///< [inner, hidden]
    In<B> tokens;     ///< [n, inner]
  };

  explicit LearnedPool(const Weights& w) : w_(w) {}

  template <class E>
    requires GemmOps<E> && ProxyOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, In<B> full, Out<B> proxies, Out<B> splat, const Grid& grid) const {
    const index_t tokens = grid.crop_rows(), n = w_.tokens.rows();
    PROXYV_CHECK(full.rows() == grid.full_rows() && proxies.rows() == grid.crops * n && splat.rows() == full.rows() && splat.cols() == n,
                 ShapeError, "LearnedPool: ", full.rows(), " tokens to ", proxies.rows(), " proxies in ", grid.crops, " crops of ", tokens,
                 " tokens and ", n, " proxies");
    auto frame = be.frame();
    auto keys = frame.matrix(tokens, w_.key.rows());
    auto attention = frame.matrix(n, tokens);
    for (index_t c = 0; c < grid.crops; ++c) {
      auto crop = full.row_range(c * tokens, tokens);
      auto spread = splat.row_range(c * tokens, tokens);
      attend(be, crop, keys, attention);
      be.product(attention, crop, proxies.row_range(c * n, n), 0.f);
      be.gemm(keys, WeightOf<B>(w_.tokens), spread, {});
      be.softmax_rows(spread, spread, scale(), {}, EmptyRow::zero);
    }
  }

  /// How much each token of one crop gives to each proxy: rows sum to one.
  /// crop [hw, hidden] in; keys [hw, inner] out, the crop's keys; attention [n, hw] out.
  template <class E>
    requires GemmOps<E> && ProxyOps<E> && SameTensorsAs<E, B>
  void attend(E& be, In<B> crop, Out<B> keys, Out<B> attention) const {
    be.gemm(crop, w_.key, keys, {});
    be.gemm(w_.tokens, WeightOf<B>(keys), attention, {});
    be.softmax_rows(attention, attention, scale(), {}, EmptyRow::zero);
  }

  index_t proxies() const { return w_.tokens.rows(); }
  index_t inner() const { return w_.key.rows(); }

 private:
  float scale() const { return 1.f / std::sqrt(static_cast<float>(w_.key.rows())); }

  Weights w_;
};

}  // namespace proxyv::inline v0
