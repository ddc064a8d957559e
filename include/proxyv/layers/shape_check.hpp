// The visitor that refuses weights of other shapes than a model wants.
#pragma once

#include <string>

#include "proxyv/backend/types.hpp"

namespace proxyv::inline v0 {

/// Goes where for_each_tensor() goes; throws ShapeError naming the first tensor that is missing or of another
/// shape. Looks at shapes only, never at memory.
template <class B>
struct ShapeCheck {
  void matrix(const std::string& name, const WeightOf<B>& w, index_t rows, index_t cols) const { check(name, w.rows(), w.cols(), rows, cols); }
  void dense(const std::string& name, const In<B>& x, index_t rows, index_t cols) const { check(name, x.rows(), x.cols(), rows, cols); }
  void vector(const std::string& name, const Vec<B>& x, index_t n) const { check(name, 1, x.size(), 1, n); }

 private:
  static void check(const std::string& name, index_t rows, index_t cols, index_t wanted_rows, index_t wanted_cols) {
    PROXYV_CHECK(rows == wanted_rows && cols == wanted_cols, ShapeError, "weights: ", name, " is ", shape_text(rows, cols), ", wanted ",
                 shape_text(wanted_rows, wanted_cols));
  }
};

}  // namespace proxyv::inline v0
