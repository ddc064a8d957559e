#include "proxyv/layers/kv_cache.hpp"

#include <array>

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using R = ReferenceBackend;

namespace {
R be{HostOptions{}};
KvCache<R> cache() { return KvCache<R>(be, {.layers = 3, .capacity = 5, .width = 4}); }
}  // namespace

TEST_CASE("kv cache: every layer's keys and values have their own rows") {
  auto c = cache();
  float value = 0.f;
  for (index_t layer = 0; layer < 3; ++layer) {
    for (auto plane : {c.keys(layer, 0, 5), c.values(layer, 0, 5)})
      for (index_t i = 0; i < 5; ++i)
        for (index_t j = 0; j < 4; ++j) plane(i, j) = value++;
  }
  CHECK(c.keys(0, 0, 5)(4, 3) == 19.f);
  CHECK(c.values(0, 0, 5)(0, 0) == 20.f);
  CHECK(c.keys(2, 3, 2)(0, 1) == 4 * 20 + 3 * 4 + 1);
  CHECK(c.values(2, 4, 1)(0, 3) == 119.f);
  CHECK(c.keys(1, 2, 0).rows() == 0);
}

TEST_CASE("kv cache: rows count only when committed") {
  auto c = cache();
  CHECK(c.length() == 0);
  CHECK(c.next_position() == 0);
  c.commit(3, 7);
  CHECK(c.length() == 3);
  CHECK(c.next_position() == 7);
  c.commit(2, 9);
  CHECK(c.length() == c.capacity());
  c.truncate(1, 2);
  CHECK(c.length() == 1);
  CHECK(c.next_position() == 2);
  c.clear();
  CHECK(c.length() == 0);
  CHECK(c.next_position() == 0);
}

TEST_CASE("kv cache: full says how much was wanted and how much there is") {
  auto c = cache();
  c.commit(3, 3);
  CHECK_NOTHROW(c.require(2));
  CHECK(error_of<CacheFullError>([&] { c.require(3); }) == "KvCache: 3 more tokens wanted, 3 of 5 rows are taken");
  CHECK(error_of<CacheFullError>([&] { c.commit(3, 6); }) == "KvCache: 3 more tokens wanted, 3 of 5 rows are taken");
  CHECK_THROWS_AS(c.require(std::numeric_limits<index_t>::max()), CacheFullError);
  CHECK_THROWS_AS(c.commit(-1, 0), CacheFullError);
  CHECK(c.length() == 3);
  CHECK(c.next_position() == 3);
}

TEST_CASE("kv cache: only back, never forward") {
  auto c = cache();
  c.commit(3, 3);
  CHECK(error_of<ArgumentError>([&] { c.truncate(4, 4); }) == "KvCache: truncate to 4 of 3");
  CHECK_THROWS_AS(c.truncate(-1, 0), ArgumentError);
  CHECK_THROWS_AS(c.truncate(1, -1), ArgumentError);
  CHECK(c.length() == 3);
}

TEST_CASE("kv cache: windows outside are refused") {
  auto c = cache();
  CHECK(error_of<ShapeError>([&] { c.keys(3, 0, 1); }) == "KvCache: layer 3 of 3");
  CHECK_THROWS_AS(c.keys(-1, 0, 1), ShapeError);
  CHECK_THROWS_AS(c.values(3, 0, 1), ShapeError);
  CHECK(error_of<ShapeError>([&] { c.keys(0, 4, 2); }) == "View: rows 4+2 of [5, 4]");
  CHECK_THROWS_AS(c.positions(5, 1), ShapeError);
}

TEST_CASE("kv cache: impossible sizes") {
  const auto refused = [](const CacheShape& s) {
    return error_of<ShapeError>([&] { KvCache<R>::bytes(s); });
  };
  CHECK(refused({0, 5, 4}) == "KvCache: 0 layers of [5, 4]");
  CHECK(refused({3, 0, 4}) == "KvCache: 3 layers of [0, 4]");
  CHECK(refused({3, 5, -4}) == "KvCache: 3 layers of [5, -4]");
  CHECK(refused({65537, 5, 4}) == "KvCache: 65537 layers of [5, 4]");
  CHECK(refused({3, index_t{1} << 40, index_t{1} << 40}) == "KvCache: size [1099511627776, 1099511627776] overflows");
  CHECK(refused({1024, index_t{1} << 32, index_t{1} << 30}) == "KvCache: 1024 layers of [4294967296, 1073741824] overflow");
  CHECK_THROWS_AS((KvCache<R>(be, {3, 5, 0})), ShapeError);
  CHECK(KvCache<R>::bytes({32, 4096, 1024}) == std::size_t{2} * 32 * 4096 * 1024 * 4);
}

TEST_CASE("kv cache: moved from it is empty, and can be assigned to") {
  auto c = cache();
  c.commit(2, 2);
  auto d = std::move(c);
  CHECK(d.length() == 2);
  CHECK(c.length() == 0);
  CHECK(c.layers() == 0);
  CHECK(c.capacity() == 0);
  CHECK(error_of<CacheFullError>([&] { c.require(1); }) == "KvCache: 1 more tokens wanted, 0 of 0 rows are taken");
  CHECK_THROWS_AS(c.keys(0, 0, 1), ShapeError);
  c = std::move(d);
  CHECK(c.length() == 2);
  CHECK(c.keys(2, 0, 5).rows() == 5);
  CHECK(d.layers() == 0);
}

TEST_CASE("kv cache: on a counting engine it has shapes and no memory") {
  PlanBackend<R> plan;
  KvCache<R> c(plan, {32, 1 << 20, 4096});
  CHECK(c.keys(31, 0, 1 << 20).data() == nullptr);
  CHECK(c.keys(31, 5, 7).rows() == 7);
}

TEST_CASE("kv cache: deeper layers may hold fewer rows and number positions anew") {
  auto c = cache();
  c.shorten(1, 2, 0);
  c.shorten(2, 3, 4);
  c.shorten(1, 2, 1);  // said again: the last word counts, and what was said of later layers is forgotten
  c.shorten(2, 3, 4);
  c.commit(4, 6);
  for (const auto& [layer, length, position] : {std::array<index_t, 3>{0, 4, 6}, {1, 2, 5}, {2, 1, 2}}) {
    CHECK(c.length(layer) == length);
    CHECK(c.next_position(layer) == position);
  }
  c.commit(1, 7);
  CHECK(c.length(2) == 2);
  CHECK(c.next_position(2) == 3);
  c.truncate(4, 6);
  CHECK(c.length(2) == 1);
  CHECK(error_of<ArgumentError>([&] { c.truncate(3, 5); }) ==
        "KvCache: truncate to 3, inside a prompt of 4 rows whose vision tokens were partly dropped");
  KvCache<R> moved(std::move(c));
  CHECK(moved.length(1) == 2);
  moved.clear();
  moved.commit(4, 6);
  CHECK(moved.length(2) == 4);
  moved.clear();
  for (const auto& [layer, rows] : {std::pair<index_t, index_t>{0, 1}, {3, 1}, {1, -1}}) {
    const index_t l = layer, n = rows;
    CHECK_THROWS_AS(moved.shorten(l, n, 0), ArgumentError);
  }
  moved.commit(1, 1);
  CHECK_THROWS_AS(moved.shorten(1, 1, 0), ArgumentError);
}
