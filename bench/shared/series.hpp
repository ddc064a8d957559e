// A series of repetitions and what it says: the median, its spread, and the share of a ceiling that was
// measured right before and after each of them, so that it holds on a machine whose speed moves.
#pragma once

#include <algorithm>
#include <vector>

#include "examples/cli/bench/samples.hpp"

namespace bench_shared {

struct Repetition {
  double seconds = 0.0;  ///< of one call
  double before = 0.0;   ///< the ceiling's rate then, per second
  double after = 0.0;
  double others = 0.0;  ///< cores that other processes used meanwhile
};

struct Summary {
  double seconds = 0.0;  ///< median
  double fastest = 0.0;
  double spread = 0.0;   ///< half of what lies between the quartiles, as a share of the median
  double ceiling = 0.0;  ///< median of the rates beside the repetitions
  double share = 0.0;    ///< of the ceiling, median; 0 when there is no amount or no ceiling
  double others = 0.0;   ///< the most that others used in a repetition that counts
  int repetitions = 0;   ///< that count
};

/// Keeps the `wanted` repetitions that others disturbed least (all, when there are fewer) and sums them up.
/// amount: what a call does, in the ceiling's unit. Throws ArgumentError for none.
inline Summary summarise(std::vector<Repetition> all, std::size_t wanted, double amount) {
  PROXYV_CHECK(!all.empty() && wanted > 0, proxyv::ArgumentError, "bench: no repetitions");
  std::stable_sort(all.begin(), all.end(),
                   [](const Repetition& a, const Repetition& b) { return a.others < b.others; });
  all.resize(std::min(all.size(), wanted));
  bench::Samples times, ceilings, shares;
  Summary out;
  for (const Repetition& r : all) {
    const double beside = 0.5 * (r.before + r.after);
    times.ms.push_back(r.seconds);
    ceilings.ms.push_back(beside);
    if (beside > 0.0) shares.ms.push_back(amount / r.seconds / beside);
    out.others = std::max(out.others, r.others);
  }
  out.seconds = times.median();
  out.fastest = *std::min_element(times.ms.begin(), times.ms.end());
  out.spread = times.spread();
  out.ceiling = ceilings.median();
  out.share = shares.empty() ? 0.0 : shares.median();
  out.repetitions = static_cast<int>(all.size());
  return out;
}

}  // namespace bench_shared
