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
  CHECK(Rotary{}.amplitude() == 1.0);
}

TEST_CASE("rotary: scaling divides frequencies pair by pair") {
  RotaryScaling scaling;
  CHECK_FALSE(scaling.present());
  scaling.pairs = 4;
  scaling.amplitude = 1.25;
  for (std::size_t i = 0; i < 4; ++i) scaling.divisor[i] = static_cast<double>(i + 1);
  CHECK(scaling.present());
  const Rotary rotary{8, 10000.0, scaling};
  CHECK(rotary.frequency(0) == 1.0);
  CHECK(rotary.frequency(3) == Approx(0.00025).epsilon(1e-12));
  CHECK(rotary.amplitude() == 1.25);
}
