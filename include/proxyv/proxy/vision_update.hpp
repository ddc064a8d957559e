// The guided update: full vision tokens follow their proxies, without attention or FFN on them.
//
//   full <- rms_norm( full + out silu( mix [ input full ; spread(context proxy) ] ) )
//
// No non-linearity stands between input/context and mix = [A | B], so the folded form uses A*input
// on full tokens and B*context on proxies: 2*inner^2 fewer multiply-adds per vision token, no
// concatenation, and the proxies' part is added before the SiLU.
#pragma once

#include "proxyv/backend/fused.hpp"
#include "proxyv/layers/fold.hpp"
#include "proxyv/layers/linear.hpp"
#include "proxyv/layers/norm.hpp"
#include "proxyv/proxy/proxy_stream.hpp"

namespace proxyv::inline v0 {

/// Spatial proxies: each is copied to the factor x factor block it stands for.
struct BlockSpread {
  static constexpr bool learned = false;

  template <class E, class Small, class Wide, class Splat>
    requires ProxyOps<E>
  static void spread(E& be, const Small& small, const Wide& wide, const Splat& /*splat*/, const Grid& grid) {
    be.upsample(small, wide, grid);
  }
};

/// Learned proxies: each token gets its splat-weighted mix of the crop's proxies; with an empty splat what BlockSpread gives.
struct SplatSpread {
  static constexpr bool learned = true;

  template <class E, class Small, class Wide, class Splat>
    requires GemmOps<E> && ProxyOps<E>
  static void spread(E& be, const Small& small, const Wide& wide, const Splat& splat, const Grid& grid) {
    if (splat.empty()) return be.upsample(small, wide, grid);
    const index_t tokens = grid.crop_rows(), n = splat.cols();
    for (index_t c = 0; c < grid.crops; ++c)
      be.product(splat.row_range(c * tokens, tokens), small.row_range(c * n, n), wide.row_range(c * tokens, tokens), 0.f);
  }
};

/// The update with its weights. Source: ProxyV section 3.3; VisionMLP in vision_mlp.py of the reference.
template <class B, class Cfg, class Spread>
class GuidedUpdate {
 public:
  static constexpr bool learned = Spread::learned;
  struct Weights {
    WeightOf<B> context;  ///< [inner, hidden]
    WeightOf<B> input;    ///< [inner, hidden]
    WeightOf<B> mix;      ///< [inner, 2*inner], input part first
    WeightOf<B> out;      ///< [hidden, inner]
    Vec<B> gain;          ///< [hidden]
  };

  GuidedUpdate(const Weights& w, float eps) : w_(w), norm_(w.gain, eps) {
    PROXYV_CHECK(w.mix.cols() == 2 * w.mix.rows() && w.input.rows() == w.mix.rows() && w.context.rows() == w.mix.rows() &&
                     w.out.cols() == w.mix.rows() && w.out.rows() == w.input.cols() && w.context.cols() == w.input.cols(),
                 ShapeError, "VisionUpdate: input ", shape_text(w.input.rows(), w.input.cols()), ", context ",
                 shape_text(w.context.rows(), w.context.cols()), ", mix ", shape_text(w.mix.rows(), w.mix.cols()), ", out ",
                 shape_text(w.out.rows(), w.out.cols()), ", wanted [i, h], [i, h], [i, 2i], [h, i]");
  }

  /// Makes the folded weights (layers/fold.hpp). Start-up only: allocates.
  template <class E>
    requires GemmOps<E> && GatherOps<E> && SameTensorsAs<E, B>
  void fold(E& be) {
    folded_input_ = proxyv::fold<B>(be, w_.mix, w_.input, 0);
    folded_context_ = proxyv::fold<B>(be, w_.mix, w_.context, 1);
  }

  /// full [crops*side^2, hidden] in/out; proxies [crops*n, hidden] in, as they leave the layer;
  /// splat [crops*side^2, n] in for learned proxies; empty: they are spread over blocks like spatial ones.
  /// Cost folded: 2 * full * 2*hidden*inner + 2 * proxies * hidden*inner FLOPs.
  template <class E>
    requires GemmOps<E> && NormOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, Out<B> full, In<B> proxies, In<B> splat, const Grid& grid, bool folded) const {
    add_mixed(be, full, proxies, splat, grid, folded);
    norm_(be, full, full);
  }

  /// The same, and normed [as full] = next(full) for the layer that follows.
  template <class E>
    requires GemmOps<E> && NormOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, Out<B> full, In<B> proxies, In<B> splat, const Grid& grid, bool folded, const Norm<B>& next, Out<B> normed) const {
    add_mixed(be, full, proxies, splat, grid, folded);
    rms_norm_twice<B>(be, full, norm_.norm(), next, normed);
  }

  index_t inner() const { return w_.mix.rows(); }

  /// Forgets the weights that only the plain form reads; asking for it then throws ArgumentError. After fold().
  void drop_plain() {
    PROXYV_CHECK(folded_input_.present(), ArgumentError, "VisionUpdate: the plain form cannot be dropped before fold()");
    for (WeightOf<B>* w : {&w_.context, &w_.input, &w_.mix}) *w = {nullptr, w->type(), w->rows(), w->cols()};
    plain_dropped_ = true;
  }
  bool has_plain() const { return !plain_dropped_; }

  /// The folded form in two halves, for engines that add the proxies' part after the product: the full
  /// tokens' part needs no proxies, so it can run beside the proxies' own layer.
  /// mixed [rows of full, inner()] holds it in between.
  template <class E>
    requires UpdateOps<E, B> && SameTensorsAs<E, B>
  void begin(E& be, In<B> full, Out<B> mixed) const {
    be.gemm(full, folded(folded_input_), mixed, {});
  }
  template <class E>
    requires UpdateOps<E, B> && SameTensorsAs<E, B>
  void finish(E& be, Out<B> full, In<B> proxies, const Grid& grid, Out<B> mixed, const Norm<B>& next, Out<B> normed) const {
    {
      auto frame = be.frame();
      auto context = frame.matrix(proxies.rows(), inner());
      be.gemm(proxies, folded(folded_context_), context, {});
      be.silu_add_upsampled(context, mixed, grid);
    }
    be.gemm(mixed, w_.out, full, {.beta = 1.f});
    if (next.gain.empty()) {
      norm_(be, full, full);
    } else {
      rms_norm_twice<B>(be, full, norm_.norm(), next, normed);
    }
  }

 private:
  /// full += out silu(...), before the norm.
  template <class E>
  void add_mixed(E& be, Out<B> full, In<B> proxies, In<B> splat, const Grid& grid, bool folded) const {
    auto frame = be.frame();
    auto mixed = frame.matrix(full.rows(), inner());
    if (folded) {
      mix_folded(be, full, proxies, splat, grid, mixed);
    } else {
      mix_plain(be, full, proxies, splat, grid, mixed);
    }
    be.gemm(mixed, w_.out, full, {.beta = 1.f});
  }

  const WeightOf<B>& folded(const FoldedWeight<B>& folded) const {
    PROXYV_CHECK(folded.present(), ArgumentError, "VisionUpdate: the folded form was asked for before fold()");
    return folded.weight();
  }

  template <class E>
  void mix_folded(E& be, In<B> full, In<B> proxies, In<B> splat, const Grid& grid, Out<B> mixed) const {
    auto frame = be.frame();
    auto context = frame.matrix(proxies.rows(), inner());
    be.gemm(proxies, folded(folded_context_), context, {});
    Spread::spread(be, In<B>(context), mixed, splat, grid);
    be.gemm(full, folded(folded_input_), mixed, {.act = Act::silu, .beta = 1.f});
  }

  /// As the formula reads, in the reference's order.
  template <class E>
  void mix_plain(E& be, In<B> full, In<B> proxies, In<B> splat, const Grid& grid, Out<B> mixed) const {
    PROXYV_CHECK(has_plain(), ArgumentError, "VisionUpdate: the plain form was asked for, but its weights were dropped at loading (plain_updates = false)");
    const index_t inner = w_.mix.rows();
    auto frame = be.frame();
    auto joined = frame.matrix(full.rows(), 2 * inner);
    be.gemm(full, w_.input, joined.col_range(0, inner), {});
    if constexpr (Spread::learned) {
      auto wide = frame.matrix(full.rows(), full.cols());
      Spread::spread(be, proxies, wide, splat, grid);
      be.gemm(wide, w_.context, joined.col_range(inner, inner), {});
    } else {
      auto context = frame.matrix(proxies.rows(), inner);
      be.gemm(proxies, w_.context, context, {});
      Spread::spread(be, In<B>(context), joined.col_range(inner, inner), splat, grid);
    }
    be.gemm(joined, w_.mix, mixed, {.act = Act::silu});
  }

  Weights w_;
  RmsNorm<B> norm_;
  FoldedWeight<B> folded_input_, folded_context_;
  bool plain_dropped_ = false;
};

/// Guided update for spatial proxies (BilinearPool).
template <class B, class Cfg>
using VisionUpdate = GuidedUpdate<B, Cfg, BlockSpread>;

/// Guided update for learned proxies (LearnedPool).
template <class B, class Cfg>
using SplatUpdate = GuidedUpdate<B, Cfg, SplatSpread>;

}  // namespace proxyv::inline v0
