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
  Samples encode;                ///< the picture, up to tokens; empty without an encoder or a picture
  Samples prefill, decode;       ///< whole prompt; one generated token
  std::vector<double> layer_ms;  ///< median per layer, from runs apart that wait after each layer
  double encode_flops = 0.0;
  double prefill_flops = 0.0;  ///< as run, with the exact savings
  double paper_flops = 0.0;    ///< of the prefill, as the paper counts it
  double prefill_bytes = 0.0, decode_flops = 0.0, decode_bytes = 0.0;
  double workspace_bytes = 0.0, cache_bytes = 0.0;
  index_t vision = 0, proxies = 0, rows = 0;

  /// The times of another round; the costs are the same.
  void add(const Result& round) {
    encode.ms.insert(encode.ms.end(), round.encode.ms.begin(), round.encode.ms.end());
    prefill.ms.insert(prefill.ms.end(), round.prefill.ms.begin(), round.prefill.ms.end());
    decode.ms.insert(decode.ms.end(), round.decode.ms.begin(), round.decode.ms.end());
    for (std::size_t l = 0; l < layer_ms.size(); ++l) layer_ms[l] = (layer_ms[l] + round.layer_ms[l]) / 2.0;
  }
};

/// What the engine reaches on this machine at its best.
struct Ceilings {
  double gemm_flops = 0.0;  ///< per second, a square product
  double copy_bytes = 0.0;  ///< per second, read and written, a copy much larger than the caches

  void take_best(const Ceilings& other) {
    gemm_flops = std::max(gemm_flops, other.gemm_flops);
    copy_bytes = std::max(copy_bytes, other.copy_bytes);
  }
};

struct Run {
  Workload workload;
  std::string machine;
  Ceilings ceilings;
  std::vector<Result> results;

  /// The differences between the medians of the two rounds, a share per case: the middle one, which no change
  /// below it can be told from, and the largest.
  double noise() const { return drifts().median(); }
  double worst_noise() const { return drifts().quantile(1.0); }

 private:
  Samples drifts() const {
    Samples s;
    for (const Result& r : results) s.ms.push_back(r.prefill.drift());
    return s;
  }
};

}  // namespace bench
