// The CPU engine's benchmarks: ops, layers, whole models, the vision encoder, and from a picture to an
// answer.
//
//   cpu_bench --benchmark_filter='^gemm/vicuna-7b' [--threads=1,2] [--repetitions=5] [--seconds=0.1]
//   [--patience=1]
//             [--receipts=examples/receipts] [--questions-out=FOLDER]
//             [--benchmark_out=ours.json --benchmark_out_format=json]
//
// What the machine can do is measured first, and again beside every repetition: `share` is of that.
// docs/measuring.md says how the numbers are made.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <thread>

#include "bench/cpu/suites.hpp"
#include "examples/cli/bench/machine.hpp"
#include "proxyv/eigen/level.hpp"

namespace {

using cpu_bench::Ceiling;
using cpu_bench::Settings;

template <class T>
T number(std::string_view text, const char* option, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  PROXYV_CHECK(error == std::errc() && end == text.data() + text.size() && value >= least,
               proxyv::ArgumentError, option, ": \"", text, "\", wanted a number of at least ", least);
  return value;
}

std::vector<int> thread_counts(std::string_view text) {
  std::vector<int> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    out.push_back(number<int>(text.substr(begin, end - begin), "--threads", 1));
    begin = end + 1;
  }
  return out;
}

/// Our own options, taken out of the command line; those of Google Benchmark stay.
Settings settings_from(int& count, char** words) {
  Settings s;
  const int all = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  s.threads = all > 1 ? std::vector<int>{1, all} : std::vector<int>{1};
  int left = 1;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto value = [&](std::string_view option) { return word.substr(option.size()); };
    if (word.starts_with("--threads=")) s.threads = thread_counts(value("--threads="));
    else if (word.starts_with("--repetitions="))
      s.repetitions = number<std::size_t>(value("--repetitions="), "--repetitions", 1);
    else if (word.starts_with("--seconds="))
      s.seconds = number<double>(value("--seconds="), "--seconds", 0.0);
    else if (word.starts_with("--patience="))
      s.patience = number<double>(value("--patience="), "--patience", 0.0);
    else if (word.starts_with("--receipts=")) s.receipts = value("--receipts=");
    else if (word.starts_with("--questions-out=")) s.questions_out = value("--questions-out=");
    else words[left++] = words[i];
  }
  count = left;
  return s;
}

/// On stderr, and in the JSON's context.
void tell(const std::string& key, const std::string& value) {
  benchmark::AddCustomContext(key, value);
  std::fprintf(stderr, "%-18s %s\n", key.c_str(), value.c_str());
}

/// Of several: what the machine can do when nothing disturbs.
double best_burst(Ceiling kind, int threads) {
  double best = 0.0;
  for (int i = 0; i < 5; ++i) best = std::max(best, cpu_bench::ceilings().burst(kind, threads));
  return best;
}

void tell_machine(const Settings& s) {
  tell("machine", bench::machine_text());
  tell("level", proxyv::cpu_level_name(proxyv::default_cpu_level()));
  for (const Ceiling kind : {Ceiling::fma, Ceiling::dot, Ceiling::read}) {
    for (const int threads : s.threads) {
      const double best = best_burst(kind, threads);
      char text[64];
      std::snprintf(text, sizeof text, "%.1f %s", best * 1e-9, kind == Ceiling::read ? "GB/s" : "GFLOP/s");
      tell(std::string(proxyv::bench::ceiling_name(kind)) + "/t" + std::to_string(threads),
           best > 0.0 ? text : "not on this CPU");
    }
  }
}

int run(int count, char** words) {
  const bool only_lists = std::any_of(
      words, words + count, [](const char* w) { return std::strstr(w, "--benchmark_list_tests") == w; });
  const Settings settings = settings_from(count, words);
  cpu_bench::add_ops(settings);
  cpu_bench::add_models(settings);
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 2;
  if (!only_lists) tell_machine(settings);
  return benchmark::RunSpecifiedBenchmarks() > 0 && !cpu_bench::any_failed() ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cpu_bench: %s\n", error.what());
    return 2;
  }
}
