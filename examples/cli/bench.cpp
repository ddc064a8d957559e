// proxyv bench: time and cost of decoder variants over sweeps of their settings.
#include <memory>

#include "bench/front.hpp"
#include "commands.hpp"

namespace cli {
namespace {

std::unique_ptr<bench::Runner> runner(const std::string& engine, const std::string& element) {
  using proxyv::ArgumentError;
  if (engine == "cuda") {
#ifdef PROXYV_ASKING_CUDA
    return bench::runner_on_cuda(element);
#else
    proxyv::detail::fail(ArgumentError("engine cuda: this build has no kernels (-DPROXYV_CUDA=ON)"));
#endif
  }
  PROXYV_CHECK(element == "f32", ArgumentError, "engine eigen: element type ", element, ", wanted f32");
  return bench::runner_on_eigen();
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  auto o = std::make_shared<bench::FrontOptions>();
  CLI::App* sub = app.add_subcommand(
      "bench", "Measure decoder variants over sweeps, report, and compare with earlier runs");
  sub->footer(
      "Example: proxyv bench --hidden 512 --heads 8 --layers 12 --ffn 1408 --start-layer 2:10:4 --reduce 2,4 "
      "--html report.html");
  bench::add_bench_options(*sub, *o);
  sub->callback([o, &status] { status = bench::run_front(*o, runner); });
}

}  // namespace cli
