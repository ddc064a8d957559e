// The parts of one small decoder layer with the weights they look at, for the tests of this folder.
#pragma once

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/layers/decoder_layer.hpp"

namespace small {

struct Block {
  static constexpr proxyv::index_t hidden = 8, inner = 12;
  static constexpr proxyv::Heads heads{4, 2, 2};
  using R = proxyv::ReferenceBackend;

  Matrix gain1 = noise(1, hidden, 1), gain2 = noise(1, hidden, 2);
  Matrix q = noise(8, hidden, 3), k = noise(4, hidden, 4), v = noise(4, hidden, 5), o = noise(hidden, 8, 6);
  Matrix gate = noise(inner, hidden, 7), up = noise(inner, hidden, 8), down = noise(hidden, inner, 9);

  proxyv::DecoderBlock<R> block() const {
    using proxyv::Linear;
    return {.input_norm = proxyv::RmsNorm<R>(gain1.span(), 1e-5f),
            .attention = proxyv::Attention<R>(
                {Linear<R>(q.weight()), Linear<R>(k.weight()), Linear<R>(v.weight()), Linear<R>(o.weight())},
                heads),
            .post_norm = proxyv::RmsNorm<R>(gain2.span(), 1e-5f),
            .ffn = proxyv::Ffn<R>(gate.weight(), up.weight(), down.weight())};
  }
};

}  // namespace small
