#include "proxyv/study/vision_mask.hpp"

#include "study/world.hpp"
#include "support/catch.hpp"

using namespace studies;

namespace {

using Layer = VisionMaskLayer<R, int>;

/// The same layer with an explicit byte for each pair.
Matrix by_table(World& w, const StudyVariant& study) {
  const DecoderBlock<R> block = w.block();
  const index_t n = w.layout.rows();
  std::vector<std::uint8_t> table;
  for (index_t q = 0; q < n; ++q)
    for (index_t k = 0; k < n; ++k)
      table.push_back(vision_mask_sees(w.layout, q, k, study.keep_self) ? 1 : 0);
  Matrix x = w.x, normed(n, hidden), q(n, heads.query_width());
  block.input_norm(w.be, x, normed);
  block.attention.keys_values(w.be, normed, w.table, w.cache.keys(0, 0, n), w.cache.values(0, 0, n));
  block.attention.queries(w.be, normed, w.table, q);
  AttentionArgsOf<R> args(heads, {}, study.empty_row);
  args.add({.keys = w.cache.keys(0, 0, n),
            .values = w.cache.values(0, 0, n),
            .visible = Visible::table,
            .table = {table.data(), n, n}});
  block.look(w.be, q, args, x);
  block.feed_forward(w.be, x);
  return x;
}

}  // namespace

TEST_CASE("vision mask: who sees whom") {
  const World w;
  const auto sees = [&](index_t q, index_t k, bool self) { return vision_mask_sees(w.layout, q, k, self); };
  CHECK(sees(3, 3, true));
  CHECK_FALSE(sees(3, 3, false));
  CHECK_FALSE(sees(3, 2, true));
  CHECK_FALSE(sees(7, 0, true));
  CHECK(sees(0, 10, true));        // text before the image
  CHECK_FALSE(sees(0, 12, true));  // text after it
  CHECK(sees(12, 7, false));
}

TEST_CASE("vision mask: the same as attention with an explicit mask") {
  for (const bool keep_self : {true, false}) {
    for (const EmptyRow empty : {EmptyRow::zero, EmptyRow::uniform}) {
      const StudyVariant study{.kind = Study::mask_v2v, .keep_self = keep_self, .empty_row = empty};
      for (const bool image_first : {false, true}) {
        World w;
        if (image_first) {
          w.ids = {image_token, 1, 2, 3, 4, 5};
          w.layout = TokenLayout(small::span_of(w.ids), small::span_of(w.images), {tokens, 0, 0});
          w.be.upload(w.layout.positions(), w.cache.positions(0, w.layout.rows()));
        }
        CHECK(small::deviation(w.after(Layer(w.block(), study), w.x).values, by_table(w, study).values) <
              1e-6);
      }
    }
  }
}

TEST_CASE("vision mask: a vision row does not feel another, text does") {
  World w;
  Matrix other = w.x;
  other.view()(2, 0) += 1.f;
  const Layer layer(w.block(), {});
  const Matrix a = w.after(layer, w.x), b = w.after(layer, other);
  for (index_t row = 0; row < w.layout.vision(); ++row)
    CHECK(small::same_bits(rows(a, row, 1), rows(b, row, 1)) == (row != 2));
  CHECK_FALSE(small::same_bits(rows(a, w.layout.rows() - 1, 1), rows(b, w.layout.rows() - 1, 1)));
}

TEST_CASE("vision mask: wanted rows alone, and prompts without vision") {
  World w;
  for (const bool keep_self : {true, false})
    CHECK(keeps_to_wanted_rows(w, Layer(w.block(), {.keep_self = keep_self})));
}
