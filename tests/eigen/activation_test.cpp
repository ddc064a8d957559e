#include "proxyv/eigen/activation.hpp"

#include <cmath>
#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

float one(detail::Packet v) { return lanes_of(v)[0]; }

}  // namespace

TEST_CASE("activation: exp within two units in the last place, 0 and NaN where they belong") {
  double worst = 0.0;
  for (float x = -87.f; x < 88.f; x += 0.0137f) {
    const double wanted = std::exp(double{x});
    worst = std::max(worst, std::abs(double{one(detail::packet_exp(detail::splat(x)))} / wanted - 1.0));
  }
  CHECK(worst < 2.4e-7);
  CHECK(one(detail::packet_exp(detail::splat(0.f))) == 1.f);
  CHECK(one(detail::packet_exp(detail::splat(-std::numeric_limits<float>::infinity()))) == 0.f);
  CHECK(one(detail::packet_exp(detail::splat(-1000.f))) == 0.f);
  CHECK(one(detail::packet_exp(detail::splat(1000.f))) > 1e38f);
  CHECK(std::isnan(one(detail::packet_exp(detail::splat(std::numeric_limits<float>::quiet_NaN())))));
}

TEST_CASE("activation: powers of two for softmax") {
  double worst = 0.0;
  for (float x = -126.f; x < 1.f; x += 0.0137f) {
    const double wanted = std::exp2(double{x});
    worst = std::max(worst, std::abs(double{one(detail::packet_exp2(detail::splat(x)))} / wanted - 1.0));
  }
  CHECK(worst < 2.4e-7);
  CHECK(one(detail::packet_exp2(detail::splat(0.f))) == 1.f);
  CHECK(one(detail::packet_exp2(detail::splat(-std::numeric_limits<float>::infinity()))) == 0.f);
  CHECK(one(detail::packet_exp2(detail::splat(-500.f))) == 0.f);
  CHECK(std::isnan(one(detail::packet_exp2(detail::splat(std::numeric_limits<float>::quiet_NaN())))));
}

TEST_CASE("activation: erf") {
  double worst = 0.0;
  for (float x = -6.f; x < 6.f; x += 0.00137f)
    worst =
        std::max(worst, std::abs(double{one(detail::packet_erf(detail::splat(x)))} - std::erf(double{x})));
  CHECK(worst < 4.5e-7);
  CHECK(one(detail::packet_erf(detail::splat(5.f))) == 1.f);
  CHECK(one(detail::packet_erf(detail::splat(-5.f))) == -1.f);
}

TEST_CASE("activation: each against its definition, and dead units are exactly dead") {
  for (Act act : {Act::none, Act::silu, Act::gelu, Act::quick_gelu}) {
    double worst = 0.0;
    for (float x = -12.f; x < 12.f; x += 0.0037f)
      worst = std::max(
          worst, std::abs(double{one(detail::activated(act, detail::splat(x)))} - double{activate(act, x)}) /
                     std::max(1.0, std::abs(double{x})));
    CHECK(worst < 5e-7);
    CHECK(std::isnan(one(detail::activated(act, detail::splat(std::numeric_limits<float>::quiet_NaN())))));
  }
  CHECK(one(detail::activated(Act::gelu, detail::splat(-1000.f))) == 0.f);
  CHECK(one(detail::activated(Act::silu, detail::splat(-1000.f))) == Approx(0.f).margin(1e-30));
  CHECK(one(detail::activated(Act::gelu, detail::splat(1000.f))) == 1000.f);
}

TEST_CASE("activation: finish_tile stays inside its window") {
  Block y(5, 2 * detail::lanes + 3, 4, 2);
  const Block before = y;
  const std::vector<float> bias(static_cast<std::size_t>(y.cols), 0.25f);
  detail::finish_tile(Act::silu, bias.data(), y.view().data(), y.stride, y.rows, y.cols);
  const std::size_t row = static_cast<std::size_t>(y.stride), cols = static_cast<std::size_t>(y.cols);
  for (std::size_t i = 0; i < y.memory.size(); ++i) {
    const bool inside = i >= 1 && (i - 1) % row < cols;
    if (inside) CHECK(y.memory[i] == Approx(activate(Act::silu, before.memory[i] + 0.25f)).epsilon(1e-6));
    else CHECK(y.memory[i] == before.memory[i]);
  }
}
