#include "proxyv/layers/decoder_layer.hpp"

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

/// A layer with its weights, run on rows of a prompt of six.
struct World : small::Block {
  Matrix table{6, 2};
  std::vector<std::int32_t> positions{0, 1, 2, 3, 4, 5};
  R be{{.workspace_bytes = 1 << 16}};
  KvCache<R> cache{be, {.layers = 2, .capacity = 6, .width = heads.kv_width()}};

  World() { be.rotary_table(small::span_of(positions), Rotary{heads.dim}, table); }

  DecoderLayer<R, int> layer() const { return DecoderLayer<R, int>(block()); }

  Stream<R> stream(Matrix& x, index_t past, index_t rows) {
    Stream<R> s;
    s.x = x.view().row_range(past, rows);
    for (index_t i = 0; i < rows; ++i) cache.positions(past, rows)[i] = positions[static_cast<std::size_t>(past + i)];
    s.positions = cache.positions(past, rows);
    s.rotary = table.view().row_range(past, rows);
    s.cache = &cache;
    s.past = past;
    return s;
  }
};

}  // namespace

TEST_CASE("decoder layer: wanted rows become what they become with all, the others stay") {
  World w;
  const Matrix before = small::noise(6, hidden, 20);
  Matrix all = before, some = before;
  auto s = w.stream(all, 0, 6);
  w.layer()(w.be, 1, s, s.all());
  const auto keys = small::values(w.cache.keys(1, 0, 6)), values = small::values(w.cache.values(1, 0, 6));
  auto t = w.stream(some, 0, 6);
  w.layer()(w.be, 1, t, {3, 2});
  CHECK(small::same_bits(small::values(some.view().row_range(3, 2)), small::values(all.view().row_range(3, 2))));
  CHECK(small::same_bits(small::values(some.view().row_range(0, 3)), small::values(before.view().row_range(0, 3))));
  CHECK(small::same_bits(small::values(some.view().row_range(5, 1)), small::values(before.view().row_range(5, 1))));
  CHECK(small::same_bits(small::values(w.cache.keys(1, 0, 6)), keys));
  CHECK(small::same_bits(small::values(w.cache.values(1, 0, 6)), values));
  CHECK(all.values != before.values);
}

TEST_CASE("decoder layer: rows in two turns over the cache equal rows at once") {
  World w;
  Matrix once = small::noise(6, hidden, 21), turns = once;
  auto s = w.stream(once, 0, 6);
  w.layer()(w.be, 0, s, s.all());
  w.cache.clear();
  auto first = w.stream(turns, 0, 4);
  w.layer()(w.be, 0, first, first.all());
  auto second = w.stream(turns, 4, 2);
  w.layer()(w.be, 0, second, second.all());
  CHECK(small::same_bits(turns.values, once.values));
}

TEST_CASE("decoder layer: a row never looks ahead") {
  World w;
  Matrix one = small::noise(6, hidden, 22), other = one;
  for (index_t j = 0; j < hidden; ++j) other.view()(4, j) += 3.f;
  for (Matrix* x : {&one, &other}) {
    auto s = w.stream(*x, 0, 6);
    w.layer()(w.be, 0, s, s.all());
  }
  CHECK(small::same_bits(small::values(one.view().row_range(0, 4)), small::values(other.view().row_range(0, 4))));
  CHECK(small::deviation(small::values(one.view().row_range(5, 1)), small::values(other.view().row_range(5, 1))) > 1e-4);
}

TEST_CASE("decoder layer: cache rows hold the turned keys of the normalised stream") {
  World w;
  Matrix x = small::noise(6, hidden, 23), normed(6, hidden), keys(6, 4), values(6, 4);
  RmsNorm<R>(w.gain1.span(), 1e-5f)(w.be, x, normed);
  w.layer().block().attention.keys_values(w.be, normed, w.table, keys, values);
  auto s = w.stream(x, 0, 6);
  w.layer()(w.be, 1, s, s.all());
  CHECK(small::same_bits(small::values(w.cache.keys(1, 0, 6)), keys.values));
  CHECK(small::same_bits(small::values(w.cache.values(1, 0, 6)), values.values));
}

TEST_CASE("decoder layer: costs what its comment says") {
  World w;
  PlanBackend<R> plan;
  Matrix x(6, hidden);
  auto s = w.stream(x, 0, 6);
  w.layer()(plan, 0, s, {5, 1});
  const double kv = 2.0 * 6 * 2 * hidden * 4, rest = 2.0 * (2 * hidden * 8 + 3 * hidden * inner);
  CHECK(plan.cost().linear_flops == kv + rest);
  CHECK(plan.cost().attention_flops == 4.0 * 6 * 8);
}
