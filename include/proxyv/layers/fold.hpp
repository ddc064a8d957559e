// Two linear maps with nothing between them, folded into one.
#pragma once

#include "proxyv/backend/concepts.hpp"

namespace proxyv::inline v0 {

/// first[:, part * n .. (part + 1) * n] * second, in the engine's element type: [rows of first, cols of
/// second], where n = rows of second. Start-up only: allocates, waits.
template <class B, class E>
  requires GemmOps<E> && GatherOps<E> && SameTensorsAs<E, B> Buffer<Elem<B>, SpaceOf<B>> fold(
      E& be, const WeightOf<B>& first, const WeightOf<B>& second, index_t part = 0) {
    const index_t inner = second.rows(), most = std::max(first.rows(), inner);
    PROXYV_CHECK(part >= 0 && (part + 1) * inner <= first.cols(), ShapeError, "fold: part ", part, " of ",
                 shape_text(first.rows(), first.cols()), " before ", shape_text(inner, second.cols()));
    auto rows = be.template alloc<std::int32_t>(most);
    auto counting = host_buffer<std::int32_t>(most);
    for (index_t i = 0; i < most; ++i) counting.data()[i] = static_cast<std::int32_t>(i);
    be.upload(Span<const std::int32_t>(counting.span()), rows.span());
    const auto as_rows = [&](const WeightOf<B>& w) {
      auto out = be.template alloc<Elem<B>>(w.rows() * w.cols());
      be.embed(w, rows.span().first(w.rows()), out.matrix(w.rows(), w.cols()));
      return out;
    };
    const auto a = as_rows(first), b = as_rows(second);
    auto folded = be.template alloc<Elem<B>>(first.rows() * second.cols());
    be.product(a.matrix(first.rows(), first.cols()).col_range(part * inner, inner),
               b.matrix(inner, second.cols()), folded.matrix(first.rows(), second.cols()), 0.f);
    be.sync();
    return folded;
  }

}  // namespace proxyv::inline v0
