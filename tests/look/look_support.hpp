// Matrices from lists, for the diagnostics' tests.
#pragma once

#include <algorithm>
#include <vector>

#include "proxyv/look/matrix.hpp"

namespace look_test {

using proxyv::index_t;

template <class To, class From>
proxyv::look::Matrix<To> matrix(index_t cols, const std::vector<From>& values) {
  proxyv::look::Matrix<To> m(static_cast<index_t>(values.size()) / cols, cols);
  for (std::size_t i = 0; i < values.size(); ++i)
    m(static_cast<index_t>(i) / cols, static_cast<index_t>(i) % cols) = static_cast<To>(values[i]);
  return m;
}

/// The sum of a row.
template <class T>
double row_sum(const proxyv::look::Matrix<T>& m, index_t row) {
  double sum = 0.0;
  for (index_t j = 0; j < m.cols(); ++j) sum += static_cast<double>(m(row, j));
  return sum;
}

}  // namespace look_test
