// The modality integration rate: how far apart a model keeps its vision and its text states, layer by layer.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "proxyv/look/frechet.hpp"

namespace proxyv::inline v0 {
namespace look {
namespace detail {

/// The lower of the two middle values, as torch.median takes it.
inline double lower_median(std::vector<double> v) {
  const auto middle = v.begin() + (static_cast<std::ptrdiff_t>(v.size()) - 1) / 2;
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

inline std::vector<double> row_norms(const Matrix<double>& x) {
  std::vector<double> norms;
  for (index_t i = 0; i < x.rows(); ++i) norms.push_back(std::sqrt(dot(x.row(i), x.row(i), x.cols())));
  return norms;
}

inline double mean(const std::vector<double>& v) {
  double sum = 0.0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

/// Rows whose length is more than three standard deviations from the median length become the median row.
inline void replace_outliers(Matrix<double>& x) {
  const std::vector<double> norms = row_norms(x);
  const double middle = lower_median(norms), average = mean(norms);
  double squares = 0.0;
  for (const double n : norms) squares += (n - average) * (n - average);
  const double limit = 3.0 * std::sqrt(squares / static_cast<double>(norms.size() - 1));
  std::vector<index_t> outliers;
  for (index_t i = 0; i < x.rows(); ++i)
    if (std::abs(norms[static_cast<std::size_t>(i)] - middle) > limit) outliers.push_back(i);
  if (outliers.empty()) return;
  std::vector<double> column(norms.size());
  for (index_t j = 0; j < x.cols(); ++j) {
    for (index_t i = 0; i < x.rows(); ++i) column[static_cast<std::size_t>(i)] = x(i, j);
    const double value = lower_median(column);
    for (const index_t i : outliers) x(i, j) = value;
  }
}

inline Matrix<double> scaled(View<const float> x, double scale) {
  Matrix<double> out(x.rows(), x.cols());
  for (index_t i = 0; i < x.rows(); ++i)
    for (index_t j = 0; j < x.cols(); ++j) out(i, j) = double{x(i, j)} * scale;
  return out;
}

inline double mean_norm(View<const float> x) { return mean(row_norms(scaled(x, 1.0))); }

}  // namespace detail

/// One layer's term: both modalities divided by the text states' mean length, outliers (3 sigma of the
/// length) replaced by the median, then the Frechet distance. vision [n, hidden], text [m, hidden] in: states
/// after one layer, of one prompt or of many. Throws as frechet_distance; ArgumentError when all text states
/// are zero. Source: Huang et al., arXiv 2410.07167, section 3; mir.py and mir_util.py of its repository
/// (shikiw/Modality-Integration-Rate), with the matrix square root exact instead of five Newton steps.
inline double layer_mir(View<const float> vision, View<const float> text) {
  PROXYV_CHECK(vision.rows() > 1 && text.rows() > 1, ShapeError, "layer_mir: ", vision.rows(), " vision and ",
               text.rows(), " text states, wanted at least two of each");
  const double length = detail::mean_norm(text);
  PROXYV_CHECK(std::isfinite(length) && length > 0.0, ArgumentError,
               "layer_mir: the text states' mean length is ", length, ", wanted a positive number");
  Matrix<double> v = detail::scaled(vision, 1.0 / length), t = detail::scaled(text, 1.0 / length);
  detail::replace_outliers(v);
  detail::replace_outliers(t);
  return frechet_distance(std::move(v), std::move(t));
}

/// MIR = log10 of the sum of the layers' terms. Throws ArgumentError for no layers or a negative term.
inline double modality_integration_rate(const std::vector<double>& layers) {
  PROXYV_CHECK(!layers.empty(), ArgumentError, "modality_integration_rate: no layers");
  double sum = 0.0;
  for (const double term : layers) {
    PROXYV_CHECK(term >= 0.0, ArgumentError, "modality_integration_rate: a layer's term is ", term,
                 ", wanted >= 0");
    sum += term;
  }
  return std::log10(sum);
}

}  // namespace look
}  // namespace proxyv::inline v0
