// Two linear maps with nothing between them, folded into one.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>
#include <utility>

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/packed.hpp"

namespace proxyv::inline v0 {

template <class B>
concept FloatsOnTheHost = (std::is_same_v<Elem<B>, float> && std::is_same_v<SpaceOf<B>, HostSpace>);

/// A folded weight and the memory it lies in.
template <class B>
class FoldedWeight {
 public:
  FoldedWeight() = default;
  explicit FoldedWeight(Buffer<Elem<B>, SpaceOf<B>> elements, index_t rows, index_t cols)
      : elements_(std::move(elements)), weight_(elements_.matrix(rows, cols)) {}

  bool present() const { return weight_.present(); }
  const WeightOf<B>& weight() const { return weight_; }

  /// As bf16, rounded to nearest.
  void round() requires FloatsOnTheHost<B> {
    auto bytes = host_buffer<std::byte>(elements_.size() * static_cast<index_t>(sizeof(bf16)));
    for (index_t i = 0; i < elements_.size(); ++i) {
      const bf16 rounded = to_bf16(elements_.data()[i]);
      std::memcpy(bytes.data() + i * static_cast<index_t>(sizeof rounded), &rounded, sizeof rounded);
    }
    weight_ = {bytes.data(), DType::bf16, weight_.rows(), weight_.cols()};
    bytes_ = std::move(bytes);
    elements_ = {};
  }
  /// In the engine's panels, if it has any.
  template <class E>
  void pack(E& be) {
    Buffer<std::byte, SpaceOf<B>> panels;
    const auto packed = packed_weight<B>(be, weight_, [&](Buffer<std::byte, SpaceOf<B>> memory) {
      panels = std::move(memory);
      return panels.data();
    });
    if (packed.data() == weight_.data()) return;
    be.sync();
    weight_ = packed;
    bytes_ = std::move(panels);
    elements_ = {};
  }

 private:
  Buffer<Elem<B>, SpaceOf<B>> elements_;
  Buffer<std::byte, SpaceOf<B>> bytes_;
  WeightOf<B> weight_;
};

/// An engine that can say whether it multiplies with bf16 weights in bf16.
template <class E>
concept SaysBf16Products = requires(const E& be) {
  { be.bf16_products() } -> std::same_as<bool>;
};

/// first[:, part * n .. (part + 1) * n] * second, n = rows of second: a weight [rows of first, cols of
/// second] in the engine's element type. Packed when the two are packed; when both are bf16 and the engine's
/// products with such weights are (SaysBf16Products), rounded to bf16. Start-up only: allocates, waits.
template <class B, class E>
  requires GemmOps<E> && GatherOps<E> && SameTensorsAs<E, B> FoldedWeight<B> fold(E& be,
                                                                                  const WeightOf<B>& first,
                                                                                  const WeightOf<B>& second,
                                                                                  index_t part = 0) {
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
    auto product = be.template alloc<Elem<B>>(first.rows() * second.cols());
    be.product(a.matrix(first.rows(), first.cols()).col_range(part * inner, inner),
               b.matrix(inner, second.cols()), product.matrix(first.rows(), second.cols()), 0.f);
    be.sync();
    FoldedWeight<B> folded(std::move(product), first.rows(), second.cols());
    if constexpr (SaysBf16Products<E>) {
      if (be.bf16_products() && first.type() == DType::bf16 && second.type() == DType::bf16) folded.round();
    }
    if (first.packed() && second.packed()) folded.pack(be);
    return folded;
  }

}  // namespace proxyv::inline v0
