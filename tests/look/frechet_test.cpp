#include "proxyv/look/frechet.hpp"

#include "backend/small.hpp"
#include "look/look_support.hpp"
#include "look/mir_golden.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using look::frechet_distance;
using look_test::matrix;
using Points = look::Matrix<double>;

namespace {

/// Two points per axis: mean m, variance 2 s_j^2 / (2 width - 1) along axis j, nothing across.
Points cross(const std::vector<double>& mean, const std::vector<double>& s) {
  const auto d = static_cast<index_t>(s.size());
  Points x(2 * d, d);
  for (index_t i = 0; i < 2 * d; ++i)
    for (index_t j = 0; j < d; ++j)
      x(i, j) = mean[static_cast<std::size_t>(j)] +
                (i / 2 == j ? (i % 2 == 0 ? 1.0 : -1.0) * s[static_cast<std::size_t>(j)] : 0.0);
  return x;
}

Points noise(index_t rows, index_t cols, std::uint64_t seed) {
  return matrix<double>(cols, small::noise(rows, cols, seed).values);
}

}  // namespace

TEST_CASE("frechet_distance: diagonal Gaussians have a closed form") {
  const double d = frechet_distance(cross({1, 0, 2}, {1, 2, 3}), cross({0, 0, 4}, {2, 2, 5}));
  // |mean|^2 + sum (sigma_a - sigma_b)^2, sigma = s sqrt(2 / 5)
  CHECK(d == Approx(5.0 + (1.0 + 0.0 + 4.0) * 2.0 / 5.0).epsilon(1e-12));
}

TEST_CASE("frechet_distance: as float64 NumPy has it") {
  const double d =
      frechet_distance(matrix<double>(4, mir_golden::vision), matrix<double>(4, mir_golden::text));
  CHECK(d == Approx(mir_golden::frechet).epsilon(1e-9));
}

TEST_CASE("frechet_distance: nothing from itself, the same both ways, the square of a shift") {
  // more points than numbers, fewer, and as many
  for (const index_t rows : {40, 3, 9}) {
    const Points a = noise(rows, 9, 1), b = noise(12, 9, 2);
    CHECK(frechet_distance(a, a) == Approx(0.0).margin(1e-10));
    CHECK(frechet_distance(a, b) == Approx(frechet_distance(b, a)).epsilon(1e-10));
    CHECK(frechet_distance(a, b) > 0.01);
    Points shifted = a;
    for (index_t i = 0; i < rows; ++i) shifted(i, 4) += 3.0;
    CHECK(frechet_distance(a, shifted) == Approx(9.0).epsilon(1e-9));
  }
}

TEST_CASE("frechet_distance: points that all lie in one place are only their means apart") {
  CHECK(frechet_distance(matrix<double>(2, std::vector<double>{1, 1, 1, 1}),
                         matrix<double>(2, std::vector<double>{4, 5, 4, 5})) == Approx(25.0));
}

TEST_CASE("sum_of_singular_values: diagonals, a matrix and its transpose, nothing") {
  using look::detail::sum_of_singular_values;
  CHECK(sum_of_singular_values(matrix<double>(2, std::vector<double>{3, 0, 0, -4})) == Approx(7.0));
  // rank one: the lengths' product
  CHECK(sum_of_singular_values(matrix<double>(2, std::vector<double>{3, 6, 4, 8})) ==
        Approx(5.0 * std::sqrt(5.0)));
  const Points a = noise(5, 8, 3);
  CHECK(sum_of_singular_values(a) ==
        Approx(sum_of_singular_values(look::detail::transposed(a))).epsilon(1e-12));
  CHECK(sum_of_singular_values(Points(3, 3)) == 0.0);
}

TEST_CASE("frechet_distance: clouds that do not fit are refused") {
  CHECK(small::error_of<ShapeError>([] { frechet_distance(noise(4, 2, 1), noise(4, 3, 1)); }) ==
        "frechet_distance: points of 2 and 3 numbers, wanted the same");
  CHECK(small::error_of<ShapeError>([] { frechet_distance(noise(1, 2, 1), noise(4, 2, 1)); }) ==
        "frechet_distance: 1 and 4 points, wanted at least two of each");
  Points bad = noise(4, 2, 1);
  bad(3, 1) = std::nan("");
  CHECK_THROWS_AS(frechet_distance(bad, noise(4, 2, 1)), ArgumentError);
}
