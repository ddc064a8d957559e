// What the command line chooses.
#pragma once

#include <optional>

#include "golden/report.hpp"
#include "proxyv/core/dtype.hpp"

namespace golden {

enum class EngineName : std::uint8_t { eigen, reference, onednn, cuda };

struct Settings {
  EngineName engine = EngineName::eigen;
  proxyv::DType element = proxyv::DType::f32;  ///< of the engine's tensors
  int threads = 1;
  std::optional<proxyv::DType> weights;  ///< type of weight matrices; nothing: as stored, or the engine's own

  /// Whether weights are rounded to another type than the engine computes with anyway.
  bool rounds_weights() const { return weights && *weights != element; }

  /// Rounding that changes no weight is no excuse.
  Tolerance tolerance(bool weights_changed) const {
    return rounds_weights() && weights_changed ? Tolerance::rounded() : Tolerance::of(element);
  }
};

/// Whether rounding to `type` would change the number.
inline bool rounding_changes(float x, proxyv::DType type) {
  return proxyv::with_dtype(type,
                            [x]<class T>(T) { return proxyv::to_float(proxyv::from_float<T>(x)) != x; });
}

}  // namespace golden
