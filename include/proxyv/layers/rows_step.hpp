// One token each of several conversations, through one layer: products over all rows together, so that
// weights are read once; keys, values and attention of each row over its own cache.
#pragma once

#include <algorithm>
#include <array>

#include "proxyv/layers/decoder_layer.hpp"

namespace proxyv::inline v0 {

/// What flows through the layers when several conversations go one token further.
template <class B>
struct RowsStream {
  Out<B> x;                          ///< [rows, hidden] residual stream, a row per conversation
  Table<B> rotary;                   ///< [rows, head_dim]
  Span<KvCache<B>* const> caches{};  ///< [rows] no two the same; the token goes behind what each holds
  OutIds<B> positions{};             ///< [rows] that rotary is of, where layers number positions anew
  Rotary rope{};                     ///< how positions become rotary, for those
};

namespace detail {

/// Keys and values [rows, kv_width] behind what each cache holds.
template <class B, class E>
void store_rows(E& be, index_t layer, In<B> keys, In<B> values, Span<KvCache<B>* const> caches) {
  constexpr index_t most = 64;
  std::array<Out<B>, most> key_rows, value_rows;
  for (index_t begin = 0; begin < caches.size(); begin += most) {
    const index_t n = std::min(most, caches.size() - begin);
    for (index_t i = 0; i < n; ++i) {
      const KvCache<B>& cache = *caches[begin + i];
      key_rows[static_cast<std::size_t>(i)] = cache.keys(layer, cache.length(layer), 1);
      value_rows[static_cast<std::size_t>(i)] = cache.values(layer, cache.length(layer), 1);
    }
    spread_rows<B>(be, keys.row_range(begin, n), Span<const Out<B>>(key_rows.data(), n));
    spread_rows<B>(be, values.row_range(begin, n), Span<const Out<B>>(value_rows.data(), n));
  }
}

}  // namespace detail

/// Runs the rows through layer `layer`, a plain decoder layer whose parts are `block`.
/// Cost: 2 * rows * parameters + 4 * query_width * (keys of all rows) FLOPs; weights are read once.
template <class B, class E>
  requires AttentionOps<E> && SameTensorsAs<E, B>
void step_rows(E& be, index_t layer, const DecoderBlock<B>& block, const RowsStream<B>& s) {
  const Heads& heads = block.attention.heads();
  const index_t n = s.x.rows();
  {
    auto frame = be.frame();
    auto normed = frame.matrix(n, s.x.cols());
    auto q = frame.matrix(n, heads.query_width()), seen = frame.matrix(n, heads.query_width());
    auto keys = frame.matrix(n, heads.kv_width()), values = frame.matrix(n, heads.kv_width());
    norm_heads<B>(be, s.x, block.input_norm.norm(), normed,
                  block.attention.for_all(s.rotary, q, keys, values));
    detail::store_rows<B>(be, layer, keys, values, s.caches);
    const auto look = [&](index_t i) {
      const KvCache<B>& cache = *s.caches[i];
      AttentionArgsOf<B> args(heads);
      args.add({.keys = cache.keys(layer, 0, cache.length(layer) + 1),
                .values = cache.values(layer, 0, cache.length(layer) + 1)});
      be.attention(q.row_range(i, 1), seen.row_range(i, 1), args);
    };
    for (index_t i = 0; i < n; i += 2) {
      together(be, [&] {  // engines that can take two at once
        look(i);
        if (i + 1 < n) look(i + 1);
      });
    }
    block.attention.add_output(be, seen, s.x);
  }
  block.feed_forward(be, s.x);
}

}  // namespace proxyv::inline v0
