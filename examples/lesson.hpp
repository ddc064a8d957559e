// What the lessons share: an engine, a matrix that owns its numbers, noise to fill it with, and a comparison.
//
// With PROXYV_LESSON_CUDA the lessons run on a GPU; lesson_cuda.hpp says where their matrices lie then.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "proxyv/backend/sampling.hpp"
#include "proxyv/core/view.hpp"

#ifdef PROXYV_LESSON_CUDA
#include "lesson_cuda.hpp"
#else
namespace lesson {

/// The engine that a lesson names.
template <class Named>
using Engine = Named;
using Space = proxyv::HostSpace;

/// Memory, and a window into it for engines and for ourselves.
template <class T>
using Numbers = std::vector<T>;
template <class T>
using Window = proxyv::View<T>;

}  // namespace lesson
#endif

namespace lesson {

using proxyv::index_t;

/// The library works on memory that somebody else owns. Here that somebody is a vector.
struct Matrix {
  index_t rows, cols;
  Numbers<float> numbers;

  Matrix(index_t r, index_t c, float fill = 0.f)
      : rows(r), cols(c), numbers(static_cast<std::size_t>(r * c), fill) {}
  /// The numbers of an array.
  template <std::size_t R, std::size_t C>
  explicit Matrix(const float (&array)[R][C])
      : rows(R), cols(C), numbers(&array[0][0], &array[0][0] + R * C) {}

  Window<float> view() { return {numbers.data(), rows, cols}; }
  Window<const float> view() const { return {numbers.data(), rows, cols}; }
  proxyv::Weight<Space> weight() const { return {numbers.data(), proxyv::DType::f32, rows, cols}; }
  proxyv::Span<const float, Space> span() const { return {numbers.data(), rows * cols}; }
};

/// Positions or token ids.
struct Ids {
  Numbers<std::int32_t> numbers;

  Ids(std::initializer_list<std::int32_t> ids) : numbers(ids) {}
  proxyv::Span<const std::int32_t, Space> span() const {
    return {numbers.data(), static_cast<index_t>(numbers.size())};
  }
};

/// Numbers in [-size, size) that depend on the seed alone.
inline Matrix noise(index_t rows, index_t cols, std::uint64_t seed, float size = 1.f) {
  Matrix m(rows, cols);
  for (std::size_t i = 0; i < m.numbers.size(); ++i)
    m.numbers[i] = size * static_cast<float>(2.0 * proxyv::uniform(seed, i) - 1.0);
  return m;
}

/// The largest |a - b|, as a share of the largest |b|.
inline double difference(Window<const float> a, Window<const float> b) {
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
inline const char* same(Window<const float> a, Window<const float> b) {
  return difference(a, b) < 1e-4 ? "yes" : "NO";
}

}  // namespace lesson
