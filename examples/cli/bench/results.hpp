// Results of a run: what one case took and cost, and the run as a whole.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "samples.hpp"
#include "settings.hpp"

namespace bench {

struct Result {
  Case setting;
  Samples prefill, decode;       ///< whole prompt; one generated token
  std::vector<double> layer_ms;  ///< median per layer, from runs apart that wait after each layer
  double prefill_flops = 0.0;    ///< as run, with the exact savings
  double paper_flops = 0.0;      ///< of the prefill, as the paper counts it
  double prefill_bytes = 0.0, decode_flops = 0.0, decode_bytes = 0.0;
  double workspace_bytes = 0.0, cache_bytes = 0.0;
  index_t vision = 0, proxies = 0, rows = 0;
};

/// What the engine reaches on this machine at its best.
struct Ceilings {
  double gemm_flops = 0.0;  ///< per second, a square product
  double copy_bytes = 0.0;  ///< per second, read and written, a copy much larger than the caches
};

struct Run {
  Workload workload;
  std::string machine;
  Ceilings ceilings;
  std::vector<Result> results;
  double repeated = 0.0;  ///< relative difference of the first case, measured again at the end

  /// Below this share two times are the same: the largest of what timing the same thing twice gave.
  double noise() const {
    double most = repeated;
    for (const Result& r : results) most = std::max(most, r.prefill.drift());
    return most;
  }
};

}  // namespace bench
