#include "proxyv/look/proxy_map.hpp"

#include "look/look_support.hpp"
#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;
using look_test::row_sum;

TEST_CASE("spatial_proxy_map: an even factor averages the inner four, an odd one takes the centre") {
  const auto even = look::spatial_proxy_map(8, 4);
  REQUIRE(even.made_of.rows() == 4);
  for (index_t t = 0; t < 64; ++t) {
    const index_t x = t % 8, y = t / 8;
    CHECK(even.made_of(3, t) == ((x == 5 || x == 6) && (y == 5 || y == 6) ? 0.25f : 0.f));
    for (index_t p = 0; p < 4; ++p) CHECK(even.follows(t, p) == (p == y / 4 * 2 + x / 4 ? 1.f : 0.f));
  }
  const auto odd = look::spatial_proxy_map(6, 3);
  for (index_t t = 0; t < 36; ++t) CHECK(odd.made_of(1, t) == (t == 1 * 6 + 4 ? 1.f : 0.f));
}

TEST_CASE("spatial_proxy_map: sizes that do not fit are refused") {
  CHECK_THROWS_AS(look::spatial_proxy_map(8, 3), ShapeError);
  CHECK_THROWS_AS(look::spatial_proxy_map(0, 1), ShapeError);
  CHECK_THROWS_AS(look::spatial_proxy_map(8, 0), ShapeError);
}

TEST_CASE("learned_proxy_maps: the maps make the proxies that the prefill made") {
  R be(options());
  const auto model = random_decoder<Learned>(be, config(2, true), {.seed = 3, .deviation = 0.6f});
  const Question q(model, {1, image, 5}, {{3}});
  look::States states(be, 4);
  prefill(model, be, q, {}, states);
  const auto maps = look::proxy_maps(be, model, states);
  REQUIRE(maps.size() == 3);
  const auto& before = states.before(2);
  for (index_t c = 0; c < 3; ++c) {
    const auto& map = maps[static_cast<std::size_t>(c)];
    for (index_t p = 0; p < 4; ++p) {
      CHECK(row_sum(map.made_of, p) == Approx(1.0));
      for (index_t j = 0; j < 16; ++j) {
        double sum = 0.0;
        for (index_t t = 0; t < 16; ++t)
          sum += double{map.made_of(p, t)} * double{before.vision(c * 16 + t, j)};
        CHECK(sum == Approx(double{before.proxies(c * 4 + p, j)}).margin(1e-5));
      }
    }
    for (index_t t = 0; t < 16; ++t) {
      CHECK(row_sum(map.follows, t) == Approx(1.0));
      CHECK(map.follows(t, 2) == before.splat(c * 16 + t, 2));
    }
  }
}

TEST_CASE("proxy_maps: spatial proxies have one map for all crops; made proxies agree") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 3);
  const Question q(model, {1, image, 5}, {{2}});
  look::States states(be, 4);
  prefill(model, be, q, {}, states);
  const auto maps = look::proxy_maps(be, model, states);
  REQUIRE(maps.size() == 2);
  const auto& before = states.before(2);
  for (index_t p = 0; p < 4; ++p) {
    double sum = 0.0;
    for (index_t t = 0; t < 16; ++t) sum += double{maps[1].made_of(p, t)} * double{before.vision(16 + t, 7)};
    CHECK(sum == Approx(double{before.proxies(4 + p, 7)}).margin(1e-6));
  }
}

TEST_CASE("learned_proxy_maps: states without splat weights are refused") {
  R be(options());
  const auto model = random_decoder<Learned>(be, config(2, true), 3);
  const look::States<R> empty(be, 4);
  CHECK(small::error_of<ShapeError>([&] { look::learned_proxy_maps(be, model, empty); }) ==
        "learned_proxy_maps: 0 vision states with splat weights [0, 0], wanted crops of 16 and 4 proxies");
}
