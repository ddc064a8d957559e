// How every benchmark of the CPU is timed and what it reports.
#pragma once

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/cpu/ceiling.hpp"
#include "bench/cpu/others.hpp"
#include "bench/shared/models.hpp"
#include "bench/shared/series.hpp"

namespace cpu_bench {

using namespace bench_shared;
using pv::bench::Ceiling;
using pv::bench::Ceilings;
using pv::bench::Others;

/// What the command line says.
struct Settings {
  std::vector<int> threads;
  std::size_t repetitions = 5;
  double seconds = 0.1;                        ///< a repetition lasts at least
  double patience = 1.0;                       ///< seconds to wait before one while others use the machine
  std::string receipts = "examples/receipts";  ///< the embedded model's checkpoints
  std::string questions_out{};  ///< where its questions are written down for a peer; empty: nowhere
};

/// What one call does, and what it is held against. With amounts of 0 nothing is said of them.
struct Amount {
  double flops = 0.0;
  double bytes = 0.0;  ///< read and written, each operand once
  double tokens = 0.0;
  Ceiling against = Ceiling::fma;
  int parts = 1;  ///< equal pieces of work that a call does, of which the time of one is reported
};

/// One call's seconds.
using Call = std::function<double()>;

/// The seconds that work() takes.
template <class Work>
double seconds_of(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
template <class Work>
Call timed(Work work) {
  return [work = std::move(work)]() mutable { return seconds_of(work); };
}

inline Ceilings& ceilings() {
  static Ceilings all;
  return all;
}

/// At least `seconds` of calls between two bursts of the ceiling.
inline Repetition repeat(const Call& call, int calls, Ceiling against, int threads) {
  Repetition out;
  out.before = ceilings().burst(against, threads);
  const Others others;
  for (int i = 0; i < calls; ++i) out.seconds += call() / calls;
  out.others = others.cores();
  out.after = ceilings().burst(against, threads);
  return out;
}

/// After a call that warms up: as many undisturbed repetitions as are wanted, or twice as many in all.
inline Summary measure(const Settings& s, const Amount& amount, int threads, const Call& call) {
  const double first = std::max(call(), 1e-9);
  const double estimate = first < s.seconds ? std::max(call(), 1e-9) : first;
  const int calls = static_cast<int>(std::clamp(std::ceil(s.seconds / estimate), 1.0, 1e6));
  std::vector<Repetition> all;
  std::size_t quiet = 0;
  while (quiet < s.repetitions && all.size() < 2 * s.repetitions) {
    if (s.patience > 0.0) Others::wait(s.patience);
    all.push_back(repeat(call, calls, amount.against, threads));
    quiet += all.back().others < Others::disturbing ? 1 : 0;
  }
  return summarise(std::move(all), s.repetitions,
                   amount.against == Ceiling::read ? amount.bytes : amount.flops);
}

inline void report(benchmark::State& state, const Summary& s, const Amount& amount, int threads) {
  const double parts = amount.parts;
  state.SetIterationTime(s.seconds / parts);
  const auto rate = [&](const char* name, double sum, double unit) {
    if (sum > 0.0) state.counters[name] = sum / s.seconds * unit;
  };
  rate("gflop_per_s", amount.flops, 1e-9);
  rate("gb_per_s", amount.bytes, 1e-9);
  rate("tokens_per_s", amount.tokens, 1.0);
  if (s.share > 0.0) state.counters["share"] = s.share;
  state.counters["ceiling"] = s.ceiling * 1e-9;
  state.counters["fastest_ms"] = 1e3 * s.fastest / parts;
  state.counters["spread"] = s.spread;
  state.counters["others"] = s.others;
  state.counters["repetitions"] = s.repetitions;
  state.counters["threads"] = threads;
  state.SetLabel(std::string("of ") + pv::bench::ceiling_name(amount.against) +
                 (s.others < Others::disturbing ? "" : " ~"));
}

/// Whether a case could not be measured: the program says so with its exit status.
inline bool& any_failed() {
  static bool failed = false;
  return failed;
}

/// A benchmark for each number of threads. prepare(threads) gives what one call does and the call; what the
/// call needs lives in it.
template <class Prepare>
void add(const Settings& settings, const std::string& name, Prepare prepare) {
  for (const int threads : settings.threads) {
    const std::string full = name + "/t" + std::to_string(threads);
    const auto run = [=](benchmark::State& state) {
      for (auto _ : state) {
        try {
          const std::pair<Amount, Call> made = prepare(threads);
          report(state, measure(settings, made.first, threads, made.second), made.first, threads);
        } catch (const std::exception& error) {
          std::fprintf(stderr, "%s: %s\n", full.c_str(), error.what());
          state.SkipWithError(error.what());
          any_failed() = true;
          break;
        }
      }
    };
    benchmark::RegisterBenchmark(full.c_str(), run)
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace cpu_bench
