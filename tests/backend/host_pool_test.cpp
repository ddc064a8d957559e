#include "proxyv/backend/host_pool.hpp"

#include <array>

#include "support/catch.hpp"

using namespace proxyv;

namespace {

/// Runs the parts backwards on the calling thread: as a HostPool may.
struct Backwards {
  int calls = 0;

  template <class F>
  void run(int parts, F&& f) {
    ++calls;
    for (int i = parts; i-- > 0;) f(i);
  }
};

struct NoRun {};

}  // namespace

TEST_CASE("host_pool: an object with run() as a pointer and a function") {
  STATIC_REQUIRE(RunsParts<Backwards>);
  STATIC_REQUIRE_FALSE(RunsParts<NoRun>);

  Backwards mine;
  const HostPool pool = host_pool(mine);
  REQUIRE(pool);
  CHECK(pool.pool == &mine);

  std::array<int, 5> ran{};
  pool.run(
      pool.pool, 5,
      [](void* work, int i) { ++(*static_cast<std::array<int, 5>*>(work))[static_cast<std::size_t>(i)]; },
      &ran);
  CHECK(ran == std::array<int, 5>{1, 1, 1, 1, 1});
  CHECK(mine.calls == 1);
}

TEST_CASE("host_pool: none by default") { CHECK_FALSE(HostPool{}); }
