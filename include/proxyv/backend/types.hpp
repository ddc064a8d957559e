// The short names in which engines and layers speak of an engine B's tensors.
#pragma once

#include <cstdint>

#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

template <class B>
using Elem = typename B::element;
template <class B>
using SpaceOf = typename B::space;

/// A matrix an op reads, and one it writes.
template <class B>
using In = View<const Elem<B>, SpaceOf<B>>;
template <class B>
using Out = View<Elem<B>, SpaceOf<B>>;

/// A vector an op reads: a norm's gain, a bias.
template <class B>
using Vec = Span<const Elem<B>, SpaceOf<B>>;

/// Token ids, positions or row numbers.
template <class B>
using Ids = Span<const std::int32_t, SpaceOf<B>>;
template <class B>
using OutIds = Span<std::int32_t, SpaceOf<B>>;

/// Cosines and sines of rotary embedding; float whatever the element type is.
template <class B>
using Table = View<float, SpaceOf<B>>;

/// A weight matrix in the engine's memory.
template <class B>
using WeightOf = Weight<SpaceOf<B>>;

}  // namespace proxyv::inline v0
