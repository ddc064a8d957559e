#include "bench/cpu/ceiling.hpp"

#include <cmath>

#include "bench/cpu/others.hpp"
#include "support/catch.hpp"

using namespace proxyv::bench;

TEST_CASE("each ceiling is a rate above nothing, bf16 dot products only where the CPU has them") {
  Ceilings ceilings;
  for (const int threads : {1, 2}) {
    for (const Ceiling kind : {Ceiling::fma, Ceiling::read}) {
      const double rate = ceilings.burst(kind, threads);
      CHECK(std::isfinite(rate));
      CHECK(rate > 1e6);
    }
    CHECK((ceilings.burst(Ceiling::dot, threads) > 0.0) == ceilings.has(Ceiling::dot));
  }
}

TEST_CASE("a burst counts what it does") {
  const double twice = proxyv::bench::detail::fma_steps(2048), once = proxyv::bench::detail::fma_steps(1024);
  CHECK(twice == 2.0 * once);
  CHECK(once > 0.0);
}

TEST_CASE("what this process does itself is not what others do") { CHECK(Others().cores() >= 0.0); }
