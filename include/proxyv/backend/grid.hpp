// The raster a crop's tokens form.
#pragma once

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// `crops` rasters of side x side tokens, reduced by `factor` per side. Crops without a raster, whose tokens are a
/// set, say how many `tokens` and `proxies` they have instead; only learned proxies can work on them.
struct Grid {
  index_t crops = 0;
  index_t side = 0;
  index_t factor = 1;
  index_t tokens = 0;   ///< per crop; 0: side * side
  index_t proxies = 0;  ///< per crop; 0: pooled_side() squared

  index_t pooled_side() const { return side / factor; }
  index_t crop_rows() const { return tokens > 0 ? tokens : side * side; }
  index_t crop_proxies() const { return proxies > 0 ? proxies : pooled_side() * pooled_side(); }
  index_t full_rows() const { return crops * crop_rows(); }
  index_t pooled_rows() const { return crops * crop_proxies(); }

  /// Throws ShapeError unless the factor divides the side and the row counts fit.
  void check(const char* what, index_t full, index_t pooled) const {
    PROXYV_CHECK(tokens == 0 && proxies == 0, ShapeError, what, ": crops of ", tokens, " tokens without a raster");
    PROXYV_CHECK(side > 0 && factor > 0 && side % factor == 0 && crops >= 0, ShapeError, what, ": factor ", factor,
                 " does not divide the crop side ", side);
    constexpr index_t most = index_t{1} << 20;  // crops * side^2 cannot overflow
    PROXYV_CHECK(side <= most && crops <= most, ShapeError, what, ": ", crops, " crops of side ", side, ", wanted at most ", most);
    PROXYV_CHECK(full == full_rows() && pooled == pooled_rows(), ShapeError, what, ": ", full, " full and ", pooled,
                 " pooled rows, wanted ", full_rows(), " and ", pooled_rows());
  }
};

}  // namespace proxyv::inline v0
