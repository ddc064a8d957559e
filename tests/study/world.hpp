// One decoder layer's weights and a small prompt of text, an image and text, for the tests of this folder.
#pragma once

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/layers/decoder_layer.hpp"
#include "proxyv/proxy/token_layout.hpp"

namespace studies {

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

inline constexpr index_t hidden = 8, inner = 12, crops = 2, tokens = 4;
inline constexpr Heads heads{4, 2, 2};

/// Rows 0..7 vision, 8 and 9 newlines, 10.. text.
struct World {
  std::vector<TokenId> ids{1, 2, image_token, 3, 4, 5};
  std::vector<ImageSlot> images{{crops}};
  TokenLayout layout{small::span_of(ids), small::span_of(images), {tokens, 0, 0}};
  Matrix gains = small::noise(2, hidden, 1), table{layout.rows(), heads.dim};
  Matrix q = small::noise(8, hidden, 3), k = small::noise(4, hidden, 4), v = small::noise(4, hidden, 5),
         o = small::noise(hidden, 8, 6);
  Matrix gate = small::noise(inner, hidden, 7), up = small::noise(inner, hidden, 8),
         down = small::noise(hidden, inner, 9);
  Matrix x = small::noise(layout.rows(), hidden, 20);
  R be{{.workspace_bytes = 1 << 17}};
  KvCache<R> cache{be, {.layers = 1, .capacity = layout.rows(), .width = heads.kv_width()}};

  World() {
    be.upload(layout.positions(), cache.positions(0, layout.rows()));
    be.rotary_table(layout.positions(), Rotary{heads.dim}, table);
  }

  DecoderBlock<R> block() const {
    const auto gain = [&](index_t row) { return RmsNorm<R>({gains.view().row(row), hidden}, 1e-5f); };
    return {gain(0),
            Attention<R>(
                {Linear<R>(q.weight()), Linear<R>(k.weight()), Linear<R>(v.weight()), Linear<R>(o.weight())},
                heads),
            gain(1), Ffn<R>(gate.weight(), up.weight(), down.weight())};
  }

  /// The stream of the whole prompt over `rows`.
  Stream<R> stream(Matrix& rows) {
    return {.x = rows,
            .vision = layout.vision(),
            .positions = cache.positions(0, layout.rows()),
            .rotary = table,
            .cache = &cache};
  }

  /// x after one layer, as rows; with `vision` = false the layer takes them for text.
  template <class Layer>
  Matrix after(const Layer& layer, const Matrix& before, RowRange wanted, bool vision = true) {
    Matrix rows = before;
    Stream<R> s = stream(rows);
    if (!vision) s.vision = 0;
    layer(be, 0, s, wanted);
    return rows;
  }
  template <class Layer>
  Matrix after(const Layer& layer, const Matrix& before) {
    return after(layer, before, {0, before.rows});
  }
};

inline std::vector<float> rows(const Matrix& m, index_t begin, index_t count) {
  return small::values(m.view().row_range(begin, count));
}

/// That wanted rows become the same alone as with all others, which then stay, and that rows without vision
/// are a plain layer's.
template <class Layer>
bool keeps_to_wanted_rows(World& w, const Layer& layer) {
  const Matrix all = w.after(layer, w.x);
  bool good = true;
  for (const RowRange wanted : {RowRange{w.x.rows - 1, 1}, RowRange{3, 9}, RowRange{2, 3}, RowRange{8, 2}}) {
    const Matrix some = w.after(layer, w.x, wanted);
    good = good &&
           small::same_bits(rows(some, wanted.begin, wanted.count), rows(all, wanted.begin, wanted.count));
    if (wanted.begin > 0)
      good = good && small::same_bits(rows(some, 0, wanted.begin), rows(w.x, 0, wanted.begin));
  }
  const Matrix text = w.after(layer, w.x, {0, w.x.rows}, false),
               plain = w.after(DecoderLayer<R, int>(w.block()), w.x, {0, w.x.rows}, false);
  return good && small::same_bits(text.values, plain.values);
}

}  // namespace studies
