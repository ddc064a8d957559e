// A run beside an earlier one: what changed beyond the noise.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "json_file.hpp"

namespace bench {

enum class Verdict { same, faster, slower };

/// One time, then and now.
struct Change {
  std::string what;
  double old_ms = 0.0, new_ms = 0.0;
  double noise = 0.0;  ///< of which nothing is said: the longer time over the shorter, less one

  double relative() const { return new_ms / old_ms - 1.0; }
  Verdict verdict() const {
    if (std::max(new_ms / old_ms, old_ms / new_ms) - 1.0 <= noise) return Verdict::same;
    return relative() < 0.0 ? Verdict::faster : Verdict::slower;
  }
};

struct Comparison {
  std::vector<Change> changes;
  std::vector<std::string> only_then, only_now;
  bool other_machine = false;

  /// Whether something is slower by more than `threshold`, a share, and beyond the noise.
  bool slowdown(double threshold) const {
    return std::any_of(changes.begin(), changes.end(), [&](const Change& c) {
      return c.verdict() == Verdict::slower && c.relative() > threshold;
    });
  }
};

/// Throws ArgumentError when the workloads differ, naming the first difference.
inline void check_same_workload(const OldRun& then, const Workload& now) {
  const Json workload = workload_json(now);
  for (const auto& [name, value] : workload.items())
    PROXYV_CHECK(then.workload.value(name, Json()) == value, pv::ArgumentError, "--compare: ", name, " was ",
                 then.workload.value(name, Json()).dump(), ", is ", value.dump(),
                 "; the times mean different things");
}

/// Throws ArgumentError when the workloads differ, or no case is in both.
inline Comparison compare(const OldRun& then, const Run& now) {
  check_same_workload(then, now.workload);
  Comparison out;
  out.other_machine = then.machine != now.machine;
  const double floor = std::max(then.noise, now.noise());
  std::vector<bool> matched(then.results.size());
  for (const Result& r : now.results) {
    const auto old = std::find_if(then.results.begin(), then.results.end(),
                                  [&](const OldResult& o) { return o.setting == r.setting; });
    if (old == then.results.end()) {
      out.only_now.push_back(r.setting.name());
      continue;
    }
    matched[static_cast<std::size_t>(old - then.results.begin())] = true;
    const std::string name = r.setting.name();
    if (old->encode_ms > 0.0 && !r.encode.empty())
      out.changes.push_back({name + ": encoder", old->encode_ms, r.encode.median(),
                             std::max({floor, old->encode_noise, r.encode.noise()})});
    out.changes.push_back({name + ": prefill", old->prefill_ms, r.prefill.median(),
                           std::max({floor, old->prefill_noise, r.prefill.noise()})});
    if (old->decode_ms > 0.0 && !r.decode.empty())
      out.changes.push_back({name + ": decode", old->decode_ms, r.decode.median(),
                             std::max({floor, old->decode_noise, r.decode.noise()})});
  }
  for (std::size_t i = 0; i < matched.size(); ++i)
    if (!matched[i]) out.only_then.push_back(then.results[i].setting.name());
  PROXYV_CHECK(!out.changes.empty(), pv::ArgumentError, "--compare: no case is in both runs");
  return out;
}

}  // namespace bench
