// cuda_bench --profile: prefill and decode op by op, beside what a whole call takes.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bench/cuda/model.hpp"
#include "bench/cuda/profile.hpp"

namespace cuda_bench {

/// Which products tuning gave to cuBLASLt and which to the library's own kernel.
inline void print_plans(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::printf("plans");
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    long m = 0, n = 0, k = 0, skipped = 0, path = 0;
    int beta = 0;
    fields >> m >> n >> k >> skipped >> skipped >> skipped >> skipped >> skipped >> beta >> skipped >>
        skipped >> path;
    std::printf(" %ldx%ldx%ld%s:%s", m, n, k, beta != 0 ? "+=" : "",
                path == 2   ? "own"
                : path == 1 ? "lt"
                            : "none");
  }
  std::printf("\n");
}

inline void profile_case(const char* name, const pv::RuntimeConfig& config, bool decode) {
  const std::string plans = (std::filesystem::temp_directory_path() / "proxyv_bench_plans.txt").string();
  Loaded on(config);
  Prefill prefill(on);
  prefill.tune();
  on.be.save_plans(plans);
  print_plans(plans);
  const auto graph = prefill.record();
  const bool agrees = prefill.replay_agrees(graph);
  const auto replay = [&] { on.be.replay(graph); };
  const double cool = median(spaced(on.be.stream(), replay));
  const double busy = median(back_to_back(on.be.stream(), replay));
  std::printf("%s: spaced %.2f ms, back to back %.2f ms, %zu nodes, replay %s\n", name, cool, busy,
              graph.nodes(), agrees ? "agrees" : "DIFFERS");

  pv::CudaOptions options = on.options;
  options.overlap = false;
  ProfilingBackend<Engine> watched(options);
  watched.load_plans(plans);
  prefill.call(watched);
  print_profile(name, watched.profile([&] { prefill.call(watched); }));
  if (!decode) return;

  Generation generation(on, prefill);
  const auto step = generation.record();
  const auto tokens = [&] {
    generation.reset();
    for (int i = 0; i < Generation::tokens; ++i) on.be.replay(step);
  };
  timed(on.be.stream(), 1, {}, tokens);
  std::printf("decode: %.3f ms per token, %zu nodes\n",
              median(timed(on.be.stream(), 5, {}, tokens)) / Generation::tokens, step.nodes());
  generation.reset();
  on.be.sync();
  generation.step(watched);
  print_profile("decode", watched.profile([&] { generation.step(watched); }));
}

/// Vicuna-7B, and where `llama` says so Llama3-8B.
inline int profile(bool llama) {
  profile_case("vicuna-7b baseline", starting_at(model("vicuna-7b"), 32), true);
  profile_case("vicuna-7b proxyv_L12", starting_at(model("vicuna-7b"), 12), false);
  if (llama) profile_case("llama3-8b proxyv_L16", starting_at(model("llama3-8b"), 16), true);
  return 0;
}

}  // namespace cuda_bench
