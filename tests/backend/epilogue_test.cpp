#include "proxyv/backend/epilogue.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("epilogue: by default nothing is added and y may be uninitialised") {
  const Epilogue<float, HostSpace> e;
  CHECK(e.act == Act::none);
  CHECK(e.beta == 0.f);
  CHECK(e.bias.empty());
}

TEST_CASE("epilogue: activations at known points") {
  CHECK(activate(Act::none, -3.5f) == -3.5f);
  for (const Act act : {Act::silu, Act::gelu, Act::quick_gelu}) CHECK(activate(act, 0.f) == 0.f);
  CHECK(activate(Act::silu, 1.f) == Approx(0.7310585786));
  CHECK(activate(Act::silu, -2.f) == Approx(-0.2384058440));
  CHECK(activate(Act::gelu, 1.f) == Approx(0.8413447461));
  CHECK(activate(Act::gelu, -2.f) == Approx(-0.0455002639).epsilon(1e-5));
  CHECK(activate(Act::quick_gelu, 1.f) == Approx(0.8457957659));
  CHECK(activate(Act::quick_gelu, -2.f) == Approx(-0.0643413769).epsilon(1e-5));
}

TEST_CASE("epilogue: far out they are 0 or x, and NaN stays NaN") {
  for (const Act act : {Act::silu, Act::gelu, Act::quick_gelu}) {
    CHECK(activate(act, 200.f) == 200.f);
    CHECK(activate(act, -200.f) == 0.f);
    CHECK(std::isnan(activate(act, std::numeric_limits<float>::quiet_NaN())));
  }
}
