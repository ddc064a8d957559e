#include "proxyv/layers/norm.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("norm: RmsNorm uses its gain and its eps, in place too") {
  R be{HostOptions{}};
  const Matrix gain(1, 2, {1, 10});
  Matrix x(1, 2, {3, 4});
  RmsNorm<R>(gain.span(), 3.5f)(be, x.view(), x.view());
  CHECK(x.values[0] == Approx(0.75));  // 3 / sqrt(12.5 + 3.5)
  CHECK(x.values[1] == Approx(10.0));
}

TEST_CASE("norm: LayerNorm uses gain, bias and eps") {
  R be{HostOptions{}};
  const Matrix gain(1, 2, {1, 10}), bias(1, 2, {5, 7}), x(1, 2, {1, 3});
  Matrix y(1, 2);
  LayerNorm<R>(gain.span(), bias.span(), 3.f)(be, x, y);
  CHECK(y.values[0] == Approx(4.5));  // (1 - 2) / sqrt(1 + 3) + 5
  CHECK(y.values[1] == Approx(12.0));
}

TEST_CASE("norm: a gain of another width is refused") {
  R be{HostOptions{}};
  const Matrix gain(1, 3), x(1, 2);
  Matrix y(1, 2, 9.f);
  CHECK(small::error_of<ShapeError>([&] { RmsNorm<R>(gain.span(), 0.f)(be, x, y); }) == "rms_norm: gain of 3, wanted 2");
  CHECK(small::error_of<ShapeError>([&] { LayerNorm<R>(gain.span(), gain.span(), 0.f)(be, x, y); }) == "layer_norm: gain of 3, wanted 2");
  CHECK(y.values == std::vector<float>{9.f, 9.f});
}
