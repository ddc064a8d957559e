// The Frechet distance between two clouds of points, each seen as a Gaussian. Host, double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/look/matrix.hpp"

namespace proxyv::inline v0 {
namespace look {
namespace detail {

inline double dot(const double* a, const double* b, index_t n) {
  double sum = 0.0;
  for (index_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// a b^T
inline Matrix<double> times_transposed(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> out(a.rows(), b.rows());
  for (index_t i = 0; i < a.rows(); ++i)
    for (index_t j = 0; j < b.rows(); ++j) out(i, j) = dot(a.row(i), b.row(j), a.cols());
  return out;
}

inline Matrix<double> transposed(const Matrix<double>& a) {
  Matrix<double> out(a.cols(), a.rows());
  for (index_t i = 0; i < a.rows(); ++i)
    for (index_t j = 0; j < a.cols(); ++j) out(j, i) = a(i, j);
  return out;
}

/// A matrix of at most as many rows as columns with the same x^T x: the triangle of Householder's QR.
inline Matrix<double> fewest_rows(const Matrix<double>& x) {
  if (x.rows() <= x.cols()) return x;
  Matrix<double> columns = transposed(x);  // columns of x lie together
  const index_t n = x.cols(), m = x.rows();
  for (index_t k = 0; k < n; ++k) {
    double* v = columns.row(k) + k;
    const double norm = std::sqrt(dot(v, v, m - k));
    if (norm == 0.0) continue;
    const double diagonal = v[0] > 0.0 ? -norm : norm;
    v[0] -= diagonal;
    const double scale = 2.0 / dot(v, v, m - k);
    for (index_t j = k + 1; j < n; ++j) {
      double* column = columns.row(j) + k;
      const double along = scale * dot(v, column, m - k);
      for (index_t i = 0; i < m - k; ++i) column[i] -= along * v[i];
    }
    v[0] = diagonal;
  }
  Matrix<double> triangle(n, n);
  for (index_t i = 0; i < n; ++i)
    for (index_t j = i; j < n; ++j) triangle(i, j) = columns(j, i);
  return triangle;
}

/// The sum of a matrix's singular values: its rows turned orthogonal to each other, pair by pair (one-sided
/// Jacobi), end with the singular values as their lengths.
inline double sum_of_singular_values(Matrix<double> a) {
  if (a.rows() > a.cols()) a = transposed(a);
  const index_t n = a.rows(), m = a.cols();
  double size = 0.0;
  for (index_t i = 0; i < n; ++i) size += dot(a.row(i), a.row(i), m);
  constexpr int most_sweeps = 60;
  bool turned = true;
  for (int sweep = 0; turned && sweep < most_sweeps; ++sweep) {
    turned = false;
    for (index_t p = 0; p < n; ++p) {
      for (index_t q = p + 1; q < n; ++q) {
        double *x = a.row(p), *y = a.row(q);
        const double xx = dot(x, x, m), yy = dot(y, y, m), xy = dot(x, y, m);
        // Rows that are nothing beside the largest would be turned for ever by rounding.
        if (std::abs(xy) <= 1e-14 * std::sqrt(xx * yy) || std::abs(xy) <= 1e-30 * size) continue;
        turned = true;
        const double zeta = (yy - xx) / (2.0 * xy);
        const double t = (zeta >= 0.0 ? 1.0 : -1.0) / (std::abs(zeta) + std::sqrt(1.0 + zeta * zeta));
        const double c = 1.0 / std::sqrt(1.0 + t * t), s = c * t;
        for (index_t i = 0; i < m; ++i) {
          const double was = x[i];
          x[i] = c * was - s * y[i];
          y[i] = s * was + c * y[i];
        }
      }
    }
  }
  PROXYV_CHECK(!turned, Error, "frechet_distance: the singular values did not settle in ", most_sweeps,
               " sweeps");
  double sum = 0.0;
  for (index_t i = 0; i < n; ++i) sum += std::sqrt(dot(a.row(i), a.row(i), m));
  return sum;
}

/// Takes the mean row away, divides by sqrt(rows - 1) (then x^T x is the covariance), and returns the mean.
inline std::vector<double> centre(Matrix<double>& x) {
  std::vector<double> mean(static_cast<std::size_t>(x.cols()));
  for (index_t j = 0; j < x.cols(); ++j) {
    double sum = 0.0;
    for (index_t i = 0; i < x.rows(); ++i) sum += x(i, j);
    mean[static_cast<std::size_t>(j)] = sum / static_cast<double>(x.rows());
  }
  const double scale = 1.0 / std::sqrt(static_cast<double>(x.rows() - 1));
  for (index_t i = 0; i < x.rows(); ++i)
    for (index_t j = 0; j < x.cols(); ++j) x(i, j) = (x(i, j) - mean[static_cast<std::size_t>(j)]) * scale;
  return mean;
}

}  // namespace detail

/// |mean a - mean b|^2 + trace(A + B - 2 sqrt(A B)), with A and B the covariances (divided by rows - 1) of
/// the rows of a [n, width] and b [m, width].
///
/// No covariance is formed: with a and b centred and scaled, trace sqrt(A B) is the sum of the singular
/// values of a b^T, which stays exact where few rows make the covariances singular. The rows of the larger
/// are reduced to at most `width` by QR first. Throws ShapeError for different widths or fewer than two rows,
/// ArgumentError for numbers that are not finite. Cost: 2 width^2 (n + m) for QR, 2 n m width for the
/// product, about 30 k^2 max(n, m) for the singular values, where n and m are at most `width` and k is the
/// smaller of them.
inline double frechet_distance(Matrix<double> a, Matrix<double> b) {
  PROXYV_CHECK(a.cols() == b.cols() && a.cols() > 0, ShapeError, "frechet_distance: points of ", a.cols(),
               " and ", b.cols(), " numbers, wanted the same");
  PROXYV_CHECK(a.rows() > 1 && b.rows() > 1, ShapeError, "frechet_distance: ", a.rows(), " and ", b.rows(),
               " points, wanted at least two of each");
  for (const auto* x : {&a, &b}) {
    const bool finite =
        std::all_of(x->row(0), x->row(0) + x->rows() * x->cols(), [](double v) { return std::isfinite(v); });
    PROXYV_CHECK(finite, ArgumentError, "frechet_distance: a number is not finite");
  }
  const auto mean_a = detail::centre(a), mean_b = detail::centre(b);
  double distance = 0.0;
  for (std::size_t j = 0; j < mean_a.size(); ++j)
    distance += (mean_a[j] - mean_b[j]) * (mean_a[j] - mean_b[j]);
  for (const auto* x : {&a, &b}) distance += detail::dot(x->row(0), x->row(0), x->rows() * x->cols());
  const auto product = detail::times_transposed(detail::fewest_rows(a), detail::fewest_rows(b));
  return std::max(distance - 2.0 * detail::sum_of_singular_values(product), 0.0);
}

}  // namespace look
}  // namespace proxyv::inline v0
