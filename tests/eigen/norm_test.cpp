#include "proxyv/eigen/norm.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("norm: by hand") {
  auto be = engine();
  const std::vector<float> x{3, 4}, gain{1, 2}, bias{10, 20};
  std::vector<float> y(2);
  be.rms_norm({x.data(), 1, 2}, {gain.data(), 2}, {y.data(), 1, 2}, 0.f);
  CHECK(y[0] == Approx(3 / std::sqrt(12.5)));
  CHECK(y[1] == Approx(8 / std::sqrt(12.5)));
  be.layer_norm({x.data(), 1, 2}, {gain.data(), 2}, {bias.data(), 2}, {y.data(), 1, 2}, 0.f);
  CHECK(y[0] == Approx(9));
  CHECK(y[1] == Approx(22));
}

TEST_CASE("norm: odd widths, beside and in place, against the judge") {
  auto be = engine(3);
  auto ref = judge();
  for (index_t n : {1, 2, 15, 16, 17, 63, 100, 1031}) {
    const Block x(37, n, 1), gain(1, n, 2, 0), bias(1, n, 3, 0);
    const Span<const float> g(gain.in().data(), n), b(bias.in().data(), n);
    Block y(37, n, 4), inside = x;
    Block wanted = y;
    be.rms_norm(x.in(), g, y.view(), 1e-6f);
    ref.rms_norm(x.in(), g, wanted.view(), 1e-6f);
    CHECK(deviation(y.memory, wanted.memory) < 1e-6);
    be.rms_norm(inside.view(), g, inside.view(), 1e-6f);
    CHECK(small::same_bits(small::values(inside.in()), small::values(y.in())));
    be.layer_norm(x.in(), g, b, y.view(), 1e-6f);
    ref.layer_norm(x.in(), g, b, wanted.view(), 1e-6f);
    CHECK(deviation(y.memory, wanted.memory) < 4e-6);
  }
}

TEST_CASE("norm: a large mean does not swallow small differences") {
  auto be = engine();
  auto ref = judge();
  Block x(1, 100, 1, 0);
  for (float& v : x.memory) v = 1000.f + v;
  const std::vector<float> one(100, 1.f), none(100, 0.f);
  Block y(1, 100, 2, 0), wanted(1, 100, 2, 0);
  be.layer_norm(x.in(), {one.data(), 100}, {none.data(), 100}, y.view(), 1e-5f);
  ref.layer_norm(x.in(), {one.data(), 100}, {none.data(), 100}, wanted.view(), 1e-5f);
  CHECK(deviation(y.memory, wanted.memory) < 1e-6);
}
