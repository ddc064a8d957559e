#include "proxyv/backend/testing_data.hpp"

#include "support/catch.hpp"

using namespace proxyv;
using namespace proxyv::testing::detail;

namespace {

ReferenceBackend judge() { return ReferenceBackend(HostOptions{}); }

}  // namespace

TEST_CASE("testing_data: differences are relative to the largest magnitude; NaN and infinity must agree") {
  const float quiet = std::numeric_limits<float>::quiet_NaN(),
              infinite = std::numeric_limits<float>::infinity();
  CHECK(relative_error({1, -4}, {1, -3}) == 0.25);
  CHECK(relative_error({}, {}) == 0.0);
  CHECK(relative_error({quiet, 1}, {quiet, 1}) == 0.0);
  CHECK(relative_error({infinite}, {infinite}) == 0.0);
  CHECK(std::isinf(relative_error({quiet}, {1})));
  CHECK(std::isinf(relative_error({1}, {quiet})));
  CHECK(std::isinf(relative_error({infinite}, {-infinite})));
}

TEST_CASE("testing_data: random numbers depend on the seed and stay in range") {
  Random a(5), b(5), c(6);
  bool same = true, other = false;
  for (int i = 0; i < 200; ++i) {
    const double x = a.next();
    same = same && x == b.next();
    other = other || x != c.next();
    CHECK((x >= 0.0 && x < 1.0));
    const index_t n = a.below(7);
    CHECK((n >= 0 && n < 7));
    b.below(7);
    c.below(7);
  }
  CHECK(same);
  CHECK(other);
}

TEST_CASE("testing_data: a tensor has the same numbers on both sides, gaps included") {
  auto be = judge();
  Random random(1);
  Tensor<ReferenceBackend> x(be, random, 5, 7);
  CHECK(x.received() == x.host);
  x.fill(2.f);
  CHECK(x.received() == x.host);
  CHECK(x.view()(4, 6) == 2.f);
  CHECK(x.twin()(4, 6) == 2.f);
  x.view()(4, 6) = 3.f;
  CHECK(relative_error(x.host, x.received()) == 0.5);
}

TEST_CASE("testing_data: weights of every type have the same bytes on both sides") {
  auto be = judge();
  Random random(2);
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    const Matrix<ReferenceBackend> w(be, random, 3, 5, type);
    CHECK(w.weight.type() == type);
    CHECK(w.weight.rows() == 3);
    CHECK(std::memcmp(w.weight.data(), w.twin.data(), static_cast<std::size_t>(w.twin.bytes())) == 0);
  }
}

TEST_CASE("testing_data: bounds grow with the coarseness of the elements, exact moves stay exact") {
  CHECK(bound_for<float>(2e-6) == 2e-6);
  CHECK(bound_for<f16>(2e-6) == Approx(2e-6 + 8.0 / 2048));
  CHECK(bound_for<bf16>(2e-6) == Approx(2e-6 + 8.0 / 256));
  CHECK(bound_for<bf16>(0.0) == 0.0);
}

TEST_CASE("testing_data: spoiled keys are those that no query sees, and a few that some see") {
  auto be = judge();
  Random random(3);
  const std::vector<std::int32_t> queries{10, 50};
  Segment<ReferenceBackend> s(be, random, 2, 60, Heads{1, 1, 2}, Visible::causal);
  s.spoil(random, queries);
  for (index_t key = 0; key < 60; ++key) {
    const bool any = s.sees(0, 10, key) || s.sees(1, 50, key), all = s.sees(0, 10, key) && s.sees(1, 50, key);
    if (!any) CHECK(std::isnan(s.k.at(key, 0)));
    if (all) CHECK(std::isfinite(s.v.at(key, 1)));
  }
}
