#include "proxyv/eigen/rows.hpp"

#include <atomic>
#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("rows: sums do not lose small numbers among many") {
  for (index_t n : {0, 1, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000, 40000}) {
    const std::vector<float> x(static_cast<std::size_t>(n), 0.1f);
    const double sum =
        detail::sum_packets(n, [&](index_t i, auto count) { return detail::load(x.data() + i, count); });
    CHECK(sum == Approx(static_cast<double>(n) * double{0.1f}).epsilon(1e-6));
  }
}

TEST_CASE("rows: the maximum, wherever it is") {
  for (index_t n : {1, 2, 7, 16, 33, 50}) {
    for (index_t at = 0; at < n; ++at) {
      std::vector<float> x(static_cast<std::size_t>(n), -2.f);
      x[static_cast<std::size_t>(at)] = -1.f;
      CHECK(detail::row_max(x.data(), n) == -1.f);
    }
  }
  CHECK(detail::row_max(nullptr, 0) == -std::numeric_limits<float>::infinity());
}

TEST_CASE("rows: each row once") {
  std::atomic<index_t> sum{0};
  detail::each_row(3, 1000, 1000, [&](index_t i) { sum += i; });
  CHECK(sum == 499500);
  detail::each_row(3, 0, 0, [&](index_t) { FAIL("there is no row"); });
}
