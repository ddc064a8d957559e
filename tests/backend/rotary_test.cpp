#include "proxyv/backend/rotary.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("rotary: frequencies fall from 1 towards 1/theta") {
  const Rotary rotary{8, 10000.0};
  CHECK(rotary.frequency(0) == 1.0);
  CHECK(rotary.frequency(1) == Approx(0.1).epsilon(1e-12));
  CHECK(rotary.frequency(2) == Approx(0.01).epsilon(1e-12));
  CHECK(rotary.frequency(3) == Approx(0.001).epsilon(1e-12));
  CHECK(Rotary{128, 1e6}.frequency(63) == Approx(1.240937761e-06).epsilon(1e-9));
  CHECK(Rotary{}.theta == 10000.0);
}
