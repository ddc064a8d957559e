#include "proxyv/look/states.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

TEST_CASE("States: what each layer gets and leaves, whatever the decoder") {
  R be(options());
  const auto model = random_decoder<Learned>(be, config(2, true), {.seed = 3});
  const Question q(model, {1, image, 5, 6, 7}, {{2}});
  look::States states(be, model.config().layers);
  const Left with = prefill(model, be, q, {.all_rows = true}, states);
  CHECK(states.layers() == 4);
  CHECK(small::same_bits(small::values(states.before(0).vision.view()), q.features.values));
  CHECK(states.before(1).proxies.empty());
  CHECK(states.before(2).proxies.rows() == q.layout.proxies());
  CHECK(states.before(2).splat.rows() == q.layout.vision());
  CHECK(&states.after(1) == &states.before(2));
  for (index_t layer = 0; layer <= 4; ++layer) CHECK(states.before(layer).rest.rows() == 2 + 4);

  // The last states make the logits.
  Matrix logits(1, 32), normed(1, 16);
  const auto& last = states.after(3).rest;
  model.head()(be, last.view().row_range(last.rows() - 1, 1), normed, logits);
  CHECK(small::deviation(logits.values, with.logits) < 1e-6);
}

TEST_CASE("States: a layer that is not there is refused") {
  R be(options());
  look::States states(be, 2);
  CHECK(small::error_of<ArgumentError>([&] { states.before(3); }) ==
        "look::States: before layer 3, wanted 0..2");
  CHECK_THROWS_AS(states(LayerEvent<R>{2, {}, {}, {}, {}}), ArgumentError);
  CHECK_THROWS_AS(look::States(be, 0), ArgumentError);
}
