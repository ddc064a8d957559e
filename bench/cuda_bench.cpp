// The CUDA engine's benchmarks: whole prefills and decoding, layers, ops. Random weights in bf16.
//
//   cuda_bench --benchmark_filter='prefill|decode|attention' --benchmark_out=ours.json
//   --benchmark_out_format=json cuda_bench --profile[=all]       where the time of a prefill and of a token
//   goes, op by op
//
// Times are medians of CUDA events. bench/peers/compare.py puts them beside PyTorch's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "bench/cuda/encoder_bench.hpp"
#include "bench/cuda/op_bench.hpp"
#include "bench/cuda/pipeline_bench.hpp"
#include "bench/cuda/prefill_bench.hpp"
#include "bench/cuda/profiled.hpp"

namespace {

/// On stderr, and in the JSON's context.
void tell_machine() {
  int driver = 0, runtime = 0, clock = 0;
  const auto device = proxyv::cuda::current_device();
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  static_cast<void>(cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, device.index));
  const auto tell = [](const char* key, const std::string& value) {
    benchmark::AddCustomContext(key, value);
    std::fprintf(stderr, "%-10s %s\n", key, value.c_str());
  };
  tell("card", device.name + ", " + std::to_string(device.multiprocessors) + " multiprocessors, at most " +
                   std::to_string(clock / 1000) + " MHz");
  tell("cuda", "runtime " + std::to_string(runtime) + ", driver " + std::to_string(driver));
  tell("cublaslt", std::to_string(cublasLtGetVersion()));
  const auto& most = cuda_bench::ceilings();
  tell("gemm", std::to_string(1e-12 * most.gemm_flops) + " TFLOP/s");
  tell("copy", std::to_string(1e-12 * most.copy_bytes) + " TB/s");
}

int run(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first.rfind("--profile", 0) == 0) return cuda_bench::profile(first == "--profile=all");
  const bool only_lists = std::any_of(words, words + count, [](const char* w) {
    return std::string(w).rfind("--benchmark_list_tests", 0) == 0;
  });
  cuda_bench::add_ops();
  cuda_bench::add_encoder();
  cuda_bench::add_models();
  cuda_bench::add_first_token(cuda_bench::proxied<proxyv::presets::Vicuna7B>("vicuna-7b", 12));
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 1;
  if (!only_lists) tell_machine();
  return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  if (proxyv::cuda::device_count() == 0) {
    std::fprintf(stderr, "cuda_bench: no CUDA device\n");
    return 0;
  }
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_bench: %s\n", error.what());
    return 1;
  }
}
