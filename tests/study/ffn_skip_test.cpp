#include "proxyv/study/ffn_skip.hpp"

#include "study/light.hpp"
#include "support/catch.hpp"

using namespace studies;

TEST_CASE("FFN skip: vision rows stay, the rest is what a plain layer gives") {
  World w;
  const Matrix skipped = w.after(FfnSkipLayer<R, int>(w.block()), w.x),
               plain = w.after(DecoderLayer<R, int>(w.block()), w.x);
  CHECK(small::same_bits(rows(skipped, 0, 8), rows(w.x, 0, 8)));
  CHECK(small::deviation(rows(skipped, 8, 7), rows(plain, 8, 7)) < 1e-6);
}

TEST_CASE("FFN skip: with a light MLP vision rows go through it, and the rest does not notice") {
  World w;
  const Light light;
  const LightMlpLayer<R, int> layer(w.block(), light.folded(w.be));
  const Matrix skipped = w.after(FfnSkipLayer<R, int>(w.block()), w.x), moved = w.after(layer, w.x);
  Matrix wanted = w.x;
  light.folded(w.be)(w.be, wanted.view().row_range(0, 8), true);
  CHECK(small::same_bits(rows(moved, 0, 8), rows(wanted, 0, 8)));
  CHECK(small::same_bits(rows(moved, 8, 7), rows(skipped, 8, 7)));

  Matrix plain = w.x;
  Stream<R> s = w.stream(plain);
  layer(w.be, 0, s, s.all(), Savings::none());
  CHECK(small::deviation(plain.values, moved.values) < 1e-6);
  CHECK_FALSE(small::same_bits(plain.values, moved.values));
}

TEST_CASE("FFN skip: wanted rows alone, and prompts without vision") {
  World w;
  const Light light;
  CHECK(keeps_to_wanted_rows(w, FfnSkipLayer<R, int>(w.block())));
  CHECK(keeps_to_wanted_rows(w, LightMlpLayer<R, int>(w.block(), light.folded(w.be))));
}
