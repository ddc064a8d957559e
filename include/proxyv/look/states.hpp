// States: a prefill's residual stream, layer by layer, kept on the host.
#pragma once

#include <vector>

#include "proxyv/look/matrix.hpp"
#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {
namespace look {

/// The residual stream at one depth.
struct LayerStates {
  Matrix<float> vision;   ///< [vision, hidden]
  Matrix<float> rest;     ///< [newline + text, hidden]
  Matrix<float> proxies;  ///< [proxies, hidden]; empty before the first ProxyV layer
  Matrix<float> splat;    ///< [vision, proxies per crop]; learned proxies only
};

/// A hook for Decoder::prefill that copies every layer's states to the host.
///
///   look::States states(be, decoder.config().layers);
///   decoder.prefill(be, prompt, cache, logits, {.all_rows = true}, states);
///
/// Without all_rows only the wanted row of the last layer moves on; the states before it are complete either
/// way. Cost: (layers + 1) * rows * hidden floats, and a wait for the engine per layer: for study, not for
/// speed.
template <class E>
class States {
 public:
  States(E& be, index_t layers) : be_(be) {
    PROXYV_CHECK(layers > 0, ArgumentError, "look::States: ", layers, " layers, wanted at least one");
    depths_.resize(static_cast<std::size_t>(layers) + 1);
  }

  template <class B>
    requires SameTensorsAs<E, B>
  void operator()(const LayerEvent<B>& event) {
    PROXYV_CHECK(event.layer >= -1 && event.layer + 1 < static_cast<index_t>(depths_.size()), ArgumentError,
                 "look::States: layer ", event.layer, " of ", depths_.size() - 1);
    LayerStates& to = depths_[static_cast<std::size_t>(event.layer + 1)];
    keep(event.vision, to.vision);
    keep(event.rest, to.rest);
    keep(event.proxies, to.proxies);
    keep(event.splat, to.splat);
    be_.sync();
  }

  index_t layers() const { return static_cast<index_t>(depths_.size()) - 1; }
  /// What layer `layer` gets; before(layers()) is what the last one leaves.
  const LayerStates& before(index_t layer) const {
    PROXYV_CHECK(layer >= 0 && layer <= layers(), ArgumentError, "look::States: before layer ", layer,
                 ", wanted 0..", layers());
    return depths_[static_cast<std::size_t>(layer)];
  }
  const LayerStates& after(index_t layer) const { return before(layer + 1); }

 private:
  void keep(In<E> from, Matrix<float>& to) {
    if (from.rows() != to.rows() || from.cols() != to.cols()) to = Matrix<float>(from.rows(), from.cols());
    if (!from.empty()) be_.download(from, to.view());
  }

  E& be_;
  std::vector<LayerStates> depths_;
};

}  // namespace look
}  // namespace proxyv::inline v0
