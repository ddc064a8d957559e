#include "proxyv/layers/linear.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("linear: x w^T, with and without bias") {
  R be{HostOptions{}};
  const Matrix x(2, 2, {1, 2, 3, 4}), w(3, 2, {1, 0, 0, 1, 1, 1}), bias(1, 3, {10, 20, 30});
  Matrix y(2, 3);
  Linear<R>(w.weight())(be, x, y);
  CHECK(y.values == std::vector<float>{1, 2, 3, 3, 4, 7});
  const Linear<R> linear(w.weight(), bias.span());
  linear(be, x, y);
  CHECK(y.values == std::vector<float>{11, 22, 33, 13, 24, 37});
  linear(be, x, y, {.beta = 1.f});
  CHECK(y.values == std::vector<float>{22, 44, 66, 26, 48, 74});
  CHECK(linear.in() == 2);
  CHECK(linear.out() == 3);
}

TEST_CASE("linear: the activation comes after the bias") {
  R be{HostOptions{}};
  const Matrix x(1, 1, {1.f}), w(1, 1, {2.f}), bias(1, 1, {-1.f});
  Matrix y(1, 1);
  Linear<R>(w.weight(), bias.span())(be, x, y, {.act = Act::silu});
  CHECK(y.values[0] == Approx(0.7310585786));
}

TEST_CASE("linear: its own bias is the one that counts") {
  R be{HostOptions{}};
  const Matrix x(1, 1, {1.f}), w(1, 1, {2.f}), other(1, 1, {100.f});
  Matrix y(1, 1);
  Linear<R>(w.weight())(be, x, y, {.bias = other.span()});
  CHECK(y.values[0] == 2.f);
}

TEST_CASE("linear: wrong widths are refused and y is untouched") {
  R be{HostOptions{}};
  const Matrix x(2, 3), w(3, 2);
  Matrix y(2, 3, 5.f);
  CHECK(small::error_of<ShapeError>([&] { Linear<R>(w.weight())(be, x, y); }) ==
        "gemm: x [2, 3], w [3, 2] -> y [2, 3], wanted [m, k], [n, k] -> [m, n]");
  CHECK(y.values == std::vector<float>(6, 5.f));
}

TEST_CASE("linear: runs on a counting engine") {
  PlanBackend<R> plan;
  const Matrix w(3, 2);
  Linear<R>(w.weight())(plan, {nullptr, 10, 2}, {nullptr, 10, 3});
  CHECK(plan.cost().flops() == 2.0 * 10 * 2 * 3);
}
