// Primitives without an engine around them: what is kept, what fails and how, whose threads run.
#include "proxyv/onednn/primitives.hpp"

#include <vector>

#include "proxyv/onednn.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using proxyv::detail::onednn::Primitives;
using proxyv::detail::onednn::Product;
using proxyv::detail::onednn::ThreadLimit;

namespace {

const std::vector<float> x{1, 2, 3, 4, 5, 6}, b{1, 0, 2, 0, 1, 3};  // [2, 3] each

Product two_by_two(std::vector<float>& y) {
  return {.rows = 2,
          .depth = 3,
          .cols = 2,
          .x = x.data(),
          .x_stride = 3,
          .b = b.data(),
          .b_stride = 3,
          .y = y.data(),
          .y_stride = 2};
}

}  // namespace

TEST_CASE("oneDNN primitives: a product with w^T, and one with a matrix as it lies") {
  Primitives primitives(1);
  std::vector<float> y(4);
  primitives.multiply(two_by_two(y));
  CHECK(y == std::vector<float>{7, 11, 16, 23});
  Product plain = two_by_two(y);
  plain.b_is_rows = false;  // b [3, 2]
  plain.b_stride = 2;
  primitives.multiply(plain);
  CHECK(y == std::vector<float>{8, 9, 20, 18});
  CHECK(primitives.count() == 2);
}

TEST_CASE("oneDNN primitives: one is kept for shape, strides and epilogue, not for the data") {
  Primitives primitives(1);
  std::vector<float> y(4), other(4), by{1, 2, 3, 4};
  primitives.multiply(two_by_two(y));
  primitives.multiply(two_by_two(other));
  CHECK(y == other);
  CHECK(primitives.count() == 1);
  Product p = two_by_two(y);
  p.by = by.data();
  primitives.multiply(p);
  CHECK(y == std::vector<float>{7, 22, 48, 92});
  p.beta = 1.f;  // the sum comes first
  primitives.multiply(p);
  CHECK(y == std::vector<float>{14, 66, 192, 460});
  CHECK(primitives.count() == 3);
}

TEST_CASE("oneDNN primitives: a norm keeps its epsilon") {
  Primitives primitives(1);
  const std::vector<float> row{1, 3}, gain{1, 2}, bias{0, 1};
  std::vector<float> y(2);
  primitives.layer_norm(row.data(), gain.data(), bias.data(), y.data(), 1, 2, 0.f);
  CHECK(y[0] == Approx(-1.f));
  CHECK(y[1] == Approx(3.f));
  primitives.layer_norm(row.data(), gain.data(), bias.data(), y.data(), 1, 2, 3.f);
  CHECK(y[0] == Approx(-0.5f));
  CHECK(y[1] == Approx(2.f));
  CHECK(primitives.count() == 2);
}

TEST_CASE("oneDNN primitives: what oneDNN refuses is an error of ours") {
  Primitives primitives(1);
  std::vector<float> y(4);
  Product p = two_by_two(y);
  p.depth = -3;
  CHECK_THROWS_AS(primitives.multiply(p), ArgumentError);
  CHECK_THROWS_WITH(primitives.multiply(p), ContainsSubstring("oneDNN: "));
  CHECK(primitives.count() == 0);
}

#if defined(_OPENMP)
TEST_CASE("oneDNN primitives: the caller's number of threads is as before") {
  const int before = omp_get_max_threads();
  {
    const ThreadLimit limit(before + 2);
    CHECK(omp_get_max_threads() == before + 2);
  }
  CHECK(omp_get_max_threads() == before);
}
#endif
