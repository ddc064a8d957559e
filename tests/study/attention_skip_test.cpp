#include "proxyv/study/attention_skip.hpp"

#include "study/world.hpp"
#include "support/catch.hpp"

using namespace studies;

namespace {
using Drop = AttentionDropLayer<R, int>;
using Keep = AttentionKeepLayer<R, int>;
}  // namespace

TEST_CASE("attention skip: vision rows get their FFN alone, the rest what a plain layer gives") {
  World w;
  const Matrix dropped = w.after(Drop(w.block()), w.x), plain = w.after(DecoderLayer<R, int>(w.block()), w.x);
  Matrix wanted = w.x;
  w.block().feed_forward(w.be, wanted.view().row_range(0, w.layout.vision()));
  CHECK(small::same_bits(rows(dropped, 0, 8), rows(wanted, 0, 8)));
  CHECK(small::deviation(rows(dropped, 8, 7), rows(plain, 8, 7)) < 1e-6);
}

TEST_CASE("attention skip: what is kept is attention to oneself alone") {
  World w;
  const Matrix kept = w.after(Keep(w.block()), w.x);
  Matrix x = w.x, normed(8, hidden);
  const DecoderBlock<R> block = w.block();
  const auto vision = x.view().row_range(0, 8);
  block.input_norm(w.be, vision, normed);
  AttentionArgsOf<R> itself(heads);
  itself.add({.keys = w.cache.keys(0, 0, 8), .values = w.cache.values(0, 0, 8), .visible = Visible::self});
  block.attend(w.be, normed, w.table.view().row_range(0, 8), itself, vision);
  block.feed_forward(w.be, vision);
  CHECK(small::deviation(rows(kept, 0, 8), rows(x, 0, 8)) < 1e-6);
  CHECK_FALSE(small::same_bits(rows(kept, 0, 8), rows(w.after(Drop(w.block()), w.x), 0, 8)));
}

TEST_CASE("attention skip: what each form costs") {
  const World w;
  const auto flops = [&](auto layer) {
    PlanBackend<R> plan;
    KvCache<R> cache(plan, {.layers = 1, .capacity = w.layout.rows(), .width = heads.kv_width()});
    Stream<R> s{.x = {nullptr, w.layout.rows(), hidden},
                .vision = 8,
                .positions = cache.positions(0, w.layout.rows()),
                .rotary = {nullptr, w.layout.rows(), heads.dim},
                .cache = &cache};
    layer(plan, 0, s, s.all());
    return plan.cost().flops();
  };
  const double plain = flops(DecoderLayer<R, int>(w.block())), dropped = flops(Drop(w.block())),
               kept = flops(Keep(w.block()));
  const double projection =
      2.0 * static_cast<double>(8 * hidden * heads.query_width());  // of eight vision rows
  CHECK(kept - dropped == projection);
  CHECK(plain - kept == projection + 4.0 * static_cast<double>(8 * 15 * heads.query_width()));
}

TEST_CASE("attention skip: wanted rows alone, and prompts without vision") {
  World w;
  CHECK(keeps_to_wanted_rows(w, Drop(w.block())));
  CHECK(keeps_to_wanted_rows(w, Keep(w.block())));
}
