#include "proxyv/eigen/softmax.hpp"

#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

constexpr float quiet = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("softmax: hidden entries get 0 and may hold anything") {
  auto be = engine();
  const std::vector<float> x{0, quiet, 0, std::numeric_limits<float>::infinity()};
  const std::vector<std::uint8_t> table{1, 0, 1, 0};
  std::vector<float> y(4, quiet);
  be.softmax_rows({x.data(), 1, 4}, {y.data(), 1, 4}, 1.f, {table.data(), 1, 4}, EmptyRow::zero);
  CHECK(y == std::vector<float>{0.5f, 0, 0.5f, 0});
}

TEST_CASE("softmax: rows without a visible entry") {
  auto be = engine();
  const std::vector<float> x(5, quiet);
  const std::vector<std::uint8_t> table(5, 0);
  std::vector<float> y(5, quiet);
  be.softmax_rows({x.data(), 1, 5}, {y.data(), 1, 5}, 1.f, {table.data(), 1, 5}, EmptyRow::uniform);
  CHECK(y == std::vector<float>(5, 0.2f));
  be.softmax_rows({x.data(), 1, 5}, {y.data(), 1, 5}, 1.f, {table.data(), 1, 5}, EmptyRow::zero);
  CHECK(y == std::vector<float>(5, 0.f));
}

TEST_CASE("softmax: huge scores, negative scale, a visible NaN") {
  auto be = engine();
  const std::vector<float> x{1000, 999, -1000};
  std::vector<float> y(3);
  be.softmax_rows({x.data(), 1, 3}, {y.data(), 1, 3}, 1.f, {}, EmptyRow::zero);
  CHECK(y[0] == Approx(0.7310586));
  CHECK(y[2] == 0.f);
  be.softmax_rows({x.data(), 1, 3}, {y.data(), 1, 3}, -1.f, {}, EmptyRow::zero);
  CHECK(y[2] == 1.f);
  const std::vector<float> broken(3, quiet);
  be.softmax_rows({broken.data(), 1, 3}, {y.data(), 1, 3}, 1.f, {}, EmptyRow::zero);
  CHECK(std::isnan(y[1]));
}

TEST_CASE("softmax: online steps equal the softmax of the whole row") {
  const Block x(1, 77, 4, 0);
  std::vector<float> scores = small::values(x.in()), values(77);
  for (std::size_t k = 0; k < 77; ++k) values[k] = static_cast<float>(k);
  double total = 0.0, wanted = 0.0;
  for (std::size_t k = 0; k < 77; ++k) total += std::exp(30.0 * double{scores[k]});
  for (std::size_t k = 0; k < 77; ++k)
    wanted += std::exp(30.0 * double{scores[k]}) / total * double{values[k]};

  detail::OnlineRow row;
  float out = 0.f;
  for (std::size_t k = 0; k < 77; k += 10) {
    const std::size_t n = std::min<std::size_t>(10, 77 - k);
    detail::online_step(row, &scores[k], static_cast<index_t>(n), 30.f * detail::log2e, &out, 1);
    for (std::size_t i = 0; i < n; ++i) out += scores[k + i] * values[k + i];
  }
  CHECK(out / row.sum == Approx(wanted).epsilon(1e-5));
}

TEST_CASE("softmax: a step without a visible key changes nothing") {
  detail::OnlineRow row;
  std::vector<float> hidden(9, -std::numeric_limits<float>::infinity());
  float out = 0.f;
  detail::online_step(row, hidden.data(), 9, 1.f, &out, 1);
  CHECK(row.sum == 0.f);
  CHECK(row.top == -std::numeric_limits<float>::infinity());
  CHECK(hidden == std::vector<float>(9, 0.f));
  std::vector<float> broken{quiet, -std::numeric_limits<float>::infinity()};
  detail::online_step(row, broken.data(), 2, 1.f, &out, 1);
  CHECK(std::isnan(row.sum));
}
