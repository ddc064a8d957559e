// The methods of one problem timed in turn, each repetition between two bursts of its ceiling.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../../../examples/cli/bench/samples.hpp"
#include "../../cpu/others.hpp"
#include "problem.hpp"

namespace proxyv::bench {

struct Timing {
  int repetitions = 5;
  double seconds = 0.1;   ///< that a repetition lasts at least
  double patience = 1.0;  ///< seconds to wait before one while others use the machine
};

/// What a method did.
struct Row {
  std::string name, beside;
  Ceiling against = Ceiling::fma;
  double amount = 0.0;                   ///< FLOP or bytes of weights of one call
  std::vector<double> seconds, ceiling;  ///< per call; what its ceiling was right then
  std::vector<double> others{};          ///< cores that other programs used meanwhile

  static double median_of(std::vector<double> values) { return ::bench::Samples{std::move(values)}.median(); }
  double median() const { return median_of(seconds); }
  double best() const { return *std::min_element(seconds.begin(), seconds.end()); }
  double rate() const { return amount / median(); }
  /// Of the ceiling beside each repetition.
  double share() const {
    std::vector<double> shares;
    for (std::size_t i = 0; i < seconds.size(); ++i) shares.push_back(amount / seconds[i] / ceiling[i]);
    return median_of(shares);
  }
  /// Whether other programs were at work during half of the repetitions or more.
  bool disturbed() const { return median_of(others) >= Others::disturbing; }
  /// How many times faster `other` is, repetition by repetition.
  double times_faster(const Row& other) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < seconds.size(); ++i) ratios.push_back(seconds[i] / other.seconds[i]);
    return median_of(ratios);
  }
};

namespace detail {

inline double elapsed(const Method& m, index_t copies, index_t calls) {
  const auto begin = std::chrono::steady_clock::now();
  for (index_t i = 0; i < calls; ++i) m.run(i % copies);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Judges the method, and finds how many calls make a repetition.
inline index_t prepared(const Problem& p, const Method& m, double seconds) {
  for (const index_t copy : {index_t{0}, p.copies - 1}) {
    p.forget();
    m.run(copy);
    p.check(m.name, m.x_rounded, m.w_rounded, copy);
  }
  const double once = elapsed(m, p.copies, p.copies) / static_cast<double>(p.copies);
  const auto calls = static_cast<index_t>(std::ceil(seconds / std::max(once, 1e-9)));
  return std::max<index_t>((calls + p.copies - 1) / p.copies * p.copies, 1);
}

}  // namespace detail

inline std::vector<Row> measure(const Problem& p, const std::vector<Method>& methods, Ceilings& ceilings,
                                const Timing& how) {
  std::vector<Row> rows;
  std::vector<index_t> calls;
  for (const Method& m : methods) {
    calls.push_back(detail::prepared(p, m, how.seconds));
    const Ceiling against = p.shape.decode() ? Ceiling::read : m.against;
    const double bytes = static_cast<double>(p.shape.cols * p.shape.depth) * (m.w_rounded ? 2.0 : 4.0);
    rows.push_back({m.name, m.beside, against, p.shape.decode() ? bytes : p.shape.flops(), {}, {}, {}});
  }
  for (int r = 0; r < how.repetitions; ++r)
    for (std::size_t i = 0; i < methods.size(); ++i) {
      Others::wait(how.patience);
      const double before = ceilings.burst(rows[i].against, p.threads);
      const Others others;
      rows[i].seconds.push_back(detail::elapsed(methods[i], p.copies, calls[i]) /
                                static_cast<double>(calls[i]));
      rows[i].others.push_back(others.cores());
      rows[i].ceiling.push_back(0.5 * (before + ceilings.burst(rows[i].against, p.threads)));
    }
  return rows;
}

}  // namespace proxyv::bench
