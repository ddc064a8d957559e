// The study of attention and FFN: vision rows are keys and values, and nothing heavy moves them.
#pragma once

#include <utility>

#include "proxyv/layers/decoder_layer.hpp"
#include "proxyv/proxy/savings.hpp"
#include "proxyv/study/light_mlp.hpp"

namespace proxyv::inline v0 {

/// A decoder layer that vision rows leave as they entered it. Source: ProxyV section 2.4.
template <class B, class Cfg>
class FfnSkipLayer {
 public:
  explicit FfnSkipLayer(const DecoderBlock<B>& block) : plain_(block) {}

  /// As DecoderLayer; a vision row costs its key and value.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted) const {
    plain_(be, layer, s, wanted.from(s.vision));
  }

  const DecoderBlock<B>& block() const { return plain_.block(); }

 private:
  DecoderLayer<B, Cfg> plain_;
};

/// The same, and vision rows go through a light MLP.
template <class B, class Cfg>
class LightMlpLayer {
 public:
  LightMlpLayer(const DecoderBlock<B>& block, LightMlp<B> light) : skip_(block), light_(std::move(light)) {}

  /// As DecoderLayer; a vision row costs its key, its value and the light MLP.
  template <class E>
    requires SameTensorsAs<E, B>
  void operator()(E& be, index_t layer, Stream<B>& s, RowRange wanted, const Savings& savings = {}) const {
    skip_(be, layer, s, wanted);
    const RowRange vision = wanted.before(s.vision);
    if (vision.count > 0) light_(be, s.x.row_range(vision.begin, vision.count), savings.folded_update);
  }

  const DecoderBlock<B>& block() const { return skip_.block(); }

 private:
  FfnSkipLayer<B, Cfg> skip_;
  LightMlp<B> light_;
};

}  // namespace proxyv::inline v0
