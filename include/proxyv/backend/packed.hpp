// Weights in the order in which an engine reads them fastest, made once at loading.
//
// An engine may offer this; models and loaders call packed_weight, which leaves a weight as it is for engines
// that do not. A packed weight is a copy: it costs its bytes again (Weight::bytes), unless the original can
// go.
#pragma once

#include <concepts>

#include "proxyv/backend/types.hpp"
#include "proxyv/core/buffer.hpp"

namespace proxyv::inline v0 {

/// An engine with an order of its own, in panels of panel_rows() rows of a weight. pack_weight writes the
/// packed copy, Weight::in_panels(...).bytes() bytes at a 64-byte aligned address, in the weight's element
/// type; gemm, swiglu and embed read it with the same results as the original.
template <class E, class B = E>
concept PackOps = requires(E& be, WeightOf<B> w, std::byte* to) {
  { be.panel_rows() } -> std::same_as<index_t>;
  { be.pack_weight(w, to) } -> std::same_as<WeightOf<B>>;
};

/// The weight packed for this engine, in a buffer given to keep(Buffer<std::byte>), which returns its
/// address; the weight itself when the engine has no order of its own, or when there is nothing to pack.
/// Start-up only: allocates.
template <class B, class E, class Keep>
WeightOf<B> packed_weight(E& be, const WeightOf<B>& w, Keep&& keep) {
  if constexpr (PackOps<E, B>) {
    if (w.packed() || w.rows() == 0 || w.cols() == 0) return w;
    const index_t panel = be.panel_rows();
    const index_t panels = w.rows() / panel + (w.rows() % panel != 0);
    const index_t count = element_count(element_count(panels, panel, "packed_weight"),
                                        w.cols() + w.cols() % 2, "packed_weight");
    std::byte* to = keep(be.template alloc<std::byte>(
        static_cast<index_t>(byte_count(count, dtype_size(w.type()), "packed_weight"))));
    return be.pack_weight(w, to);
  } else {
    return w;
  }
}

}  // namespace proxyv::inline v0
