// What the command line chooses.
#pragma once

#include <optional>

#include "golden/report.hpp"
#include "proxyv/core/dtype.hpp"

namespace golden {

struct Settings {
  bool reference = false;  ///< the reference engine instead of Eigen
  int threads = 1;
  std::optional<proxyv::DType> weights;  ///< round weight matrices to this type; nothing: as stored

  /// Rounding that changes no weight is no excuse.
  Tolerance tolerance(bool weights_changed) const {
    return weights_changed ? Tolerance::rounded() : Tolerance::f32();
  }
};

/// Whether rounding to `type` would change the number.
inline bool rounding_changes(float x, proxyv::DType type) {
  return proxyv::with_dtype(type,
                            [x]<class T>(T) { return proxyv::to_float(proxyv::from_float<T>(x)) != x; });
}

}  // namespace golden
