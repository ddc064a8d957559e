// What the lessons share: a matrix that owns its numbers, noise to fill it with, and a comparison.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "proxyv/core/view.hpp"
#include "proxyv/backend/sampling.hpp"

namespace lesson {

using proxyv::index_t;

/// The library works on memory that somebody else owns. Here that somebody is a std::vector.
struct Matrix {
  index_t rows, cols;
  std::vector<float> numbers;

  Matrix(index_t r, index_t c, float fill = 0.f) : rows(r), cols(c), numbers(static_cast<std::size_t>(r * c), fill) {}

  proxyv::View<float> view() { return {numbers.data(), rows, cols}; }
  proxyv::View<const float> view() const { return {numbers.data(), rows, cols}; }
  proxyv::Weight<> weight() const { return proxyv::Weight<>(view()); }
  proxyv::Span<const float> span() const { return {numbers.data(), rows * cols}; }
};

/// Numbers in [-size, size) that depend on the seed alone.
inline Matrix noise(index_t rows, index_t cols, std::uint64_t seed, float size = 1.f) {
  Matrix m(rows, cols);
  for (std::size_t i = 0; i < m.numbers.size(); ++i)
    m.numbers[i] = size * static_cast<float>(2.0 * proxyv::uniform(seed, i) - 1.0);
  return m;
}

/// The largest |a - b|, as a share of the largest |b|.
inline double difference(proxyv::View<const float> a, proxyv::View<const float> b) {
  double worst = 0.0, largest = 1e-30;
  for (index_t i = 0; i < b.rows(); ++i) {
    for (index_t j = 0; j < b.cols(); ++j) {
      worst = std::max(worst, std::abs(double{a(i, j)} - double{b(i, j)}));
      largest = std::max(largest, std::abs(double{b(i, j)}));
    }
  }
  return worst / largest;
}

/// Equal but for rounding?
inline const char* same(proxyv::View<const float> a, proxyv::View<const float> b) {
  return difference(a, b) < 1e-4 ? "yes" : "NO";
}

}  // namespace lesson
