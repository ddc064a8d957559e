// Small matrices, comparisons and error texts for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "proxyv/backend/sampling.hpp"
#include "proxyv/core/view.hpp"

namespace small {

using proxyv::index_t;

/// An owned matrix that turns into views.
struct Matrix {
  index_t rows = 0, cols = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(index_t r, index_t c, float fill = 0.f) : rows(r), cols(c), values(static_cast<std::size_t>(r * c), fill) {}
  Matrix(index_t r, index_t c, std::initializer_list<float> list) : rows(r), cols(c), values(list) {}

  proxyv::View<float> view() { return {values.data(), rows, cols}; }
  proxyv::View<const float> view() const { return {values.data(), rows, cols}; }
  proxyv::Weight<> weight() const { return proxyv::Weight<>(view()); }
  proxyv::Span<const float> span() const { return {values.data(), rows * cols}; }
  operator proxyv::View<float>() { return view(); }
  operator proxyv::View<const float>() const { return view(); }
};

/// Uniform numbers in [-1, 1) that depend on the seed alone.
inline Matrix noise(index_t rows, index_t cols, std::uint64_t seed) {
  Matrix m(rows, cols);
  for (std::size_t i = 0; i < m.values.size(); ++i) m.values[i] = static_cast<float>(2.0 * proxyv::uniform(seed, i) - 1.0);
  return m;
}

inline std::vector<float> values(proxyv::View<const float> x) {
  std::vector<float> out;
  for (index_t i = 0; i < x.rows(); ++i) out.insert(out.end(), x.row(i), x.row(i) + x.cols());
  return out;
}

/// max |a - b| / max |b|; infinite when sizes differ or a number is not finite.
inline double deviation(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0.0, largest = 1e-30;
  if (a.size() != b.size() || a.empty()) return HUGE_VAL;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return HUGE_VAL;
    worst = std::max(worst, std::abs(double{a[i]} - double{b[i]}));
    largest = std::max(largest, std::abs(double{b[i]}));
  }
  return worst / largest;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && !a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The text of the E that f throws.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

template <class T>
proxyv::Span<const T> span_of(const std::vector<T>& v) {
  return {v.data(), static_cast<index_t>(v.size())};
}

}  // namespace small
