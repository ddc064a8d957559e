// Matrix: host numbers that the diagnostics collect and hand out.
#pragma once

#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {
namespace look {

/// A row-major matrix of T that owns its memory.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  /// All zero. Throws ShapeError for sizes that are negative or overflow.
  Matrix(index_t rows, index_t cols)
      : rows_(rows),
        cols_(cols),
        values_(static_cast<std::size_t>(element_count(rows, cols, "look::Matrix"))) {}

  index_t rows() const { return rows_; }
  index_t cols() const { return cols_; }
  bool empty() const { return values_.empty(); }

  T* row(index_t i) { return values_.data() + i * cols_; }
  const T* row(index_t i) const { return values_.data() + i * cols_; }
  T& operator()(index_t i, index_t j) { return view()(i, j); }
  const T& operator()(index_t i, index_t j) const { return view()(i, j); }

  View<T> view() { return {values_.data(), rows_, cols_}; }
  View<const T> view() const { return {values_.data(), rows_, cols_}; }

 private:
  index_t rows_ = 0;
  index_t cols_ = 0;
  std::vector<T> values_;
};

}  // namespace look
}  // namespace proxyv::inline v0
