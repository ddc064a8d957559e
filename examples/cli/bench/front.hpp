// The front of `proxyv bench`: options in; progress, a table, files and a comparison out. A program with a
// layer of its own calls add_bench_options and the command line is the same.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "variants.hpp"

namespace bench {

/// Makes the runner for an engine ("eigen", "cuda") and element type ("f32", "bf16", "f16").
using MakeRunner =
    std::function<std::unique_ptr<Runner>(const std::string& engine, const std::string& element)>;

struct FrontOptions {
  Workload workload;
  std::string dtype;  ///< empty: the engine's own
  std::string model = "tiny", start = "", reduce = "";
  std::vector<std::string> variants{"plain", "proxyv"};
  index_t hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0, crop_side = 0;
  std::string json, csv, html, compare;
  double threshold = 5.0;  ///< percent
  bool quiet = false;
};

/// Adds the options to a command line.
void add_bench_options(CLI::App& app, FrontOptions& options);

/// Measures and reports. Exit status: 0; 1 when --compare found a slowdown above the threshold.
int run_front(const FrontOptions& options, const MakeRunner& make);

/// The runner of one engine B with these variants, for a program of one's own. Refuses other engines.
template <class B>
MakeRunner only(const Variants<B>& variants, const std::string& engine, const std::string& element) {
  return [=](const std::string& e, const std::string& t) -> std::unique_ptr<Runner> {
    PROXYV_CHECK(e == engine && t == element, pv::ArgumentError, "engine ", e, " with ", t,
                 ": this program was built for ", engine, " with ", element);
    return std::make_unique<RunnerOn<B>>(variants);
  };
}

// Ours, one translation unit each; cuda only in builds with kernels.
std::unique_ptr<Runner> runner_on_eigen();
std::unique_ptr<Runner> runner_on_cuda(const std::string& element);

}  // namespace bench
