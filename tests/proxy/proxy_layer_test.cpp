#include "proxyv/proxy/proxy_layer.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/proxy/token_layout.hpp"
#include "proxyv/proxy/vision_update.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {

constexpr index_t hidden = 8, inner = 12, update_inner = 3;
constexpr Heads heads{4, 2, 2};
using Layer = ProxyLayer<R, int, VisionUpdate>;

/// One layer over a prompt of text, an image of two crops of 2 x 2 tokens with a proxy each, and text.
struct World {
  std::vector<TokenId> ids{1, 2, image_token, 3, 4, 5};
  std::vector<ImageSlot> images{{2}};
  TokenLayout layout{small::span_of(ids), small::span_of(images), {4, 1, 0}};
  Matrix gain1 = small::noise(1, hidden, 1), gain2 = small::noise(1, hidden, 2), gain3 = small::noise(1, hidden, 3);
  Matrix q = small::noise(8, hidden, 4), k = small::noise(4, hidden, 5), v = small::noise(4, hidden, 6), o = small::noise(hidden, 8, 7);
  Matrix gate = small::noise(inner, hidden, 8), up = small::noise(inner, hidden, 9), down = small::noise(hidden, inner, 10);
  Matrix context = small::noise(update_inner, hidden, 11), input = small::noise(update_inner, hidden, 12);
  Matrix mix = small::noise(update_inner, 2 * update_inner, 13), out = small::noise(hidden, update_inner, 14);
  R be{{.workspace_bytes = 1 << 17}};
  KvCache<R> cache{be, {.layers = 1, .capacity = layout.rows(), .width = heads.kv_width()}};
  Layer layer = make();
  std::vector<std::uint8_t> mask = layout.proxy_layer_mask();
  std::vector<std::int32_t> focus_positions{layout.focus_positions().begin(), layout.focus_positions().end()};

  Matrix x = small::noise(layout.rows(), hidden, 20), focus = small::noise(layout.proxies() + layout.newlines() + layout.text(), hidden, 21);
  Matrix vision_normed{layout.vision(), hidden};
  Matrix table{layout.rows(), heads.dim}, focus_table{focus.rows, heads.dim};
  Stream<R> s;
  ProxyStream<R> p;

  World() {
    be.upload(layout.positions(), cache.positions(0, layout.rows()));
    be.rotary_table(layout.positions(), Rotary{heads.dim}, table);
    be.rotary_table(layout.focus_positions(), Rotary{heads.dim}, focus_table);
    s = {.x = x, .vision = layout.vision(), .positions = cache.positions(0, layout.rows()), .rotary = table, .cache = &cache, .past = 0};
    p.focus = focus;
    p.proxies = layout.proxies();
    p.positions = small::span_of(focus_positions);
    p.rotary = focus_table;
    p.grid = {2, 2, 2};
    p.vision_normed = vision_normed;
    p.mask = {mask.data(), focus.rows, layout.vision() + focus.rows};
  }

  Layer make() {
    Layer made({.input_norm = RmsNorm<R>(gain1.span(), 1e-5f),
                .attention = Attention<R>({Linear<R>(q.weight()), Linear<R>(k.weight()), Linear<R>(v.weight()), Linear<R>(o.weight())}, heads),
                .post_norm = RmsNorm<R>(gain2.span(), 1e-5f),
                .ffn = Ffn<R>(gate.weight(), up.weight(), down.weight())},
               VisionUpdate<R, int>({context.weight(), input.weight(), mix.weight(), out.weight(), gain3.span()}, 1e-5f));
    made.fold(be);
    return made;
  }

  void run() { layer(be, 0, s, p); }
  std::vector<float> vision() { return small::values(x.view().row_range(0, layout.vision())); }
  std::vector<float> proxies() { return small::values(p.proxy_rows()); }
  std::vector<float> rest() { return small::values(p.rest_rows()); }
  std::vector<float> row(index_t i) { return small::values(p.rest_rows().row_range(i, 1)); }
  std::vector<float> cached() {
    auto all = small::values(cache.keys(0, 0, layout.rows()));
    const auto values = small::values(cache.values(0, 0, layout.rows()));
    all.insert(all.end(), values.begin(), values.end());
    return all;
  }
};

}  // namespace

TEST_CASE("proxy layer: split attention equals one masked attention") {
  World split, masked;
  masked.p.savings = Savings::none();
  split.run();
  masked.run();
  CHECK(small::deviation(split.proxies(), masked.proxies()) < 1e-6);
  CHECK(small::deviation(split.rest(), masked.rest()) < 1e-6);
  CHECK(small::deviation(split.vision(), masked.vision()) < 1e-6);
  CHECK(small::same_bits(split.cached(), masked.cached()));
}

TEST_CASE("proxy layer: proxies do not see full vision tokens, text does") {
  World a, b;
  for (index_t j = 0; j < hidden; ++j) b.x.view()(2, j) = -3.f * a.x.view()(2, j) + 1.f;
  a.run();
  b.run();
  CHECK(small::same_bits(a.proxies(), b.proxies()));
  CHECK(small::deviation(a.rest(), b.rest()) > 1e-4);
}

TEST_CASE("proxy layer: nothing but proxies sees proxies; vision follows them") {
  World a, b;
  for (index_t j = 0; j < hidden; ++j) b.focus.view()(0, j) = -3.f * a.focus.view()(0, j) + 1.f;
  a.run();
  b.run();
  CHECK(small::same_bits(a.rest(), b.rest()));
  CHECK(small::same_bits(a.cached(), b.cached()));
  CHECK(small::deviation(a.vision(), b.vision()) > 1e-4);
  const auto proxy1_a = small::values(a.p.proxy_rows().row_range(1, 1)), proxy1_b = small::values(b.p.proxy_rows().row_range(1, 1));
  CHECK(small::deviation(proxy1_a, proxy1_b) > 1e-4);  // a later proxy sees an earlier one
}

TEST_CASE("proxy layer: proxies see the text before the image, not the text after") {
  World a, before, after;
  for (index_t j = 0; j < hidden; ++j) {
    before.p.rest_rows()(2, j) += 1.f;  // newlines 0, 1; text 2, 3 before, 4, 5, 6 after
    after.p.rest_rows()(5, j) += 1.f;
  }
  a.run();
  before.run();
  after.run();
  CHECK(small::deviation(before.proxies(), a.proxies()) > 1e-4);
  CHECK(small::same_bits(after.proxies(), a.proxies()));
  CHECK(small::same_bits(after.vision(), a.vision()));
  CHECK(small::same_bits(after.row(4), a.row(4)));
  CHECK(small::deviation(after.row(6), a.row(6)) > 1e-4);
}

TEST_CASE("proxy layer: the cache holds vision, newlines and text as they enter the layer") {
  World w;
  Matrix packed = w.x, normed(packed.rows, hidden), keys(packed.rows, 4), values(packed.rows, 4);
  const index_t rest = w.layout.newlines() + w.layout.text();
  w.be.copy(w.p.rest_rows(), packed.view().row_range(w.layout.vision(), rest));
  const auto& block = w.layer.plain().block();
  block.input_norm(w.be, packed, normed);
  block.attention.keys_values(w.be, normed, w.table, keys, values);
  w.run();
  CHECK(small::same_bits(small::values(w.cache.keys(0, 0, w.layout.rows())), keys.values));
  CHECK(small::same_bits(small::values(w.cache.values(0, 0, w.layout.rows())), values.values));
}

TEST_CASE("proxy layer: the last layer for wanted rows only gives those rows and the same cache") {
  World all, some;
  all.run();
  some.layer.last_rows_only(some.be, 0, some.s, some.p, {6, 1});
  CHECK(small::same_bits(some.row(6), all.row(6)));
  CHECK(small::same_bits(some.cached(), all.cached()));
  CHECK(small::same_bits(some.row(3), World().row(3)));  // not wanted: as before
  CHECK(small::same_bits(some.proxies(), World().proxies()));
  CHECK(small::same_bits(some.vision(), World().vision()));
}

TEST_CASE("proxy layer: split attention costs two small problems instead of a large one") {
  World w;
  const double pairs_split = 2.0 * 9 + 7.0 * 15, pairs_masked = 9.0 * 17;  // 8 vision, 2 proxies, 2 newlines, 5 text
  for (const bool split : {true, false}) {
    PlanBackend<R> plan;
    w.p.savings.split_attention = split;
    w.layer(plan, 0, w.s, w.p);
    CHECK(plan.cost().attention_flops == 4.0 * 8.0 * (split ? pairs_split : pairs_masked));
  }
}
