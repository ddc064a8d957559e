#include "proxyv/layers/rows_step.hpp"

#include "layers/small_block.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {

constexpr index_t hidden = small::Block::hidden, inner = small::Block::inner;
constexpr Heads heads = small::Block::heads;

struct World : small::Block {
  R be{{.workspace_bytes = 1 << 16}};

  /// A cache that holds `length` rows of noise.
  KvCache<R> cache(index_t length) {
    KvCache<R> made(be, {.layers = 2, .capacity = 8, .width = heads.kv_width()});
    for (index_t layer = 0; layer < 2; ++layer) {
      const auto seed = static_cast<std::uint64_t>(10 * length + layer);
      const Matrix keys = small::noise(8, heads.kv_width(), seed),
                   values = small::noise(8, heads.kv_width(), seed + 5);
      be.copy(keys, made.keys(layer, 0, 8));
      be.copy(values, made.values(layer, 0, 8));
    }
    made.commit(length, length);
    return made;
  }
};

}  // namespace

TEST_CASE("rows step: each row gets what a layer gives its token alone") {
  World w;
  std::vector<KvCache<R>> together, alone;
  for (const index_t length : {3, 0, 7}) {
    together.push_back(w.cache(length));
    alone.push_back(w.cache(length));
  }
  const Matrix x = small::noise(3, hidden, 20);
  const std::vector<std::int32_t> positions{3, 0, 9};
  Matrix table(3, heads.dim), rows = x, each = x;
  w.be.rotary_table(small::span_of(positions), Rotary{heads.dim}, table);

  std::vector<KvCache<R>*> caches;
  for (auto& cache : together) caches.push_back(&cache);
  const RowsStream<R> stream{rows, table, {caches.data(), 3}};
  step_rows(w.be, 1, w.block(), stream);

  const DecoderLayer<R, int> layer(w.block());
  for (index_t i = 0; i < 3; ++i) {
    const auto at = static_cast<std::size_t>(i);
    Stream<R> s;
    s.x = each.view().row_range(i, 1);
    s.rotary = table.view().row_range(i, 1);
    s.cache = &alone[at];
    s.past = alone[at].length();
    s.positions = alone[at].positions(s.past, 1);
    alone[at].positions(s.past, 1)[0] = positions[at];
    layer(w.be, 1, s, s.all());
    for (const index_t other : {0, 1})
      CHECK(small::same_bits(small::values(together[at].keys(other, 0, 8)),
                             small::values(alone[at].keys(other, 0, 8))));
    CHECK(small::same_bits(small::values(together[at].values(1, 0, 8)),
                           small::values(alone[at].values(1, 0, 8))));
  }
  CHECK(small::same_bits(rows.values, each.values));
}

TEST_CASE("rows step: weights are read once, and attention costs each row's own keys") {
  World w;
  std::vector<KvCache<R>> caches;
  for (const index_t length : {3, 0, 7}) caches.push_back(w.cache(length));
  std::vector<KvCache<R>*> each;
  for (auto& cache : caches) each.push_back(&cache);
  Matrix x(3, hidden), table(3, heads.dim);
  PlanBackend<R> plan;
  step_rows(plan, 0, w.block(), RowsStream<R>{x, table, {each.data(), 3}});
  CHECK(plan.cost().attention_flops == 4.0 * static_cast<double>((4 + 1 + 8) * heads.query_width()));
  CHECK(plan.cost().linear_flops == 2.0 * 3 * static_cast<double>(hidden * (8 + 4 + 4 + 8 + 3 * inner)));
  const double weights = 4.0 * static_cast<double>(hidden * (8 + 4 + 4 + 8 + 3 * inner));
  double apart = 0.0;
  for (index_t i = 0; i < 3; ++i) {
    PlanBackend<R> one;
    step_rows(
        one, 0, w.block(),
        RowsStream<R>{
            x.view().row_range(i, 1), table.view().row_range(i, 1), {&each[static_cast<std::size_t>(i)], 1}});
    apart += one.cost().bytes;
  }
  CHECK(plan.cost().bytes == apart - 2.0 * weights);
}
