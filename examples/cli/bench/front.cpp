#include "front.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "../models.hpp"
#include "../table.hpp"
#include "../write_text.hpp"
#include "compare.hpp"
#include "machine.hpp"
#include "report.hpp"

namespace bench {
namespace {

/// The sizes of the named model, with what was given in their place.
pv::RuntimeConfig config_of(const FrontOptions& o) {
  pv::RuntimeConfig c = cli::find_model(o.model);
  const auto put = [](index_t value, index_t& to) {
    if (value > 0) to = value;
  };
  put(o.hidden, c.hidden);
  put(o.layers, c.layers);
  put(o.heads, c.heads);
  put(o.kv_heads, c.kv_heads);
  put(o.ffn, c.ffn);
  put(o.vocab, c.vocab);
  put(o.crop_side, c.crop_side);
  if (o.heads > 0 && o.kv_heads == 0) c.kv_heads = o.heads;
  if (o.head_dim > 0) {
    c.head_dim = o.head_dim;
  } else if (o.hidden > 0 || o.heads > 0) {
    PROXYV_CHECK(c.hidden % c.heads == 0, pv::ArgumentError, "hidden ", c.hidden,
                 " is not a multiple of heads ", c.heads, "; give --head-dim");
    c.head_dim = c.hidden / c.heads;
  }
  if (o.hidden > 0 || c.update_inner == 0) c.update_inner = pv::reference_update_inner(c.hidden);
  return c;
}

Workload workload_of(const FrontOptions& o) {
  Workload w = o.workload;
  w.model = o.model;
  w.config = config_of(o);
  const bool cuda = w.engine == "cuda";
  w.element = !o.dtype.empty() ? o.dtype : cuda ? "bf16" : "f32";
  if (w.weights.empty()) w.weights = cuda ? w.element : "f32";
  if (cuda) w.threads = 0;
  if (!cuda && w.threads == 0)
    w.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return w;
}

/// The cases of the sweeps; without one, the model's own start layer and reduction.
std::vector<Case> cases_of(const FrontOptions& o, const pv::RuntimeConfig& c,
                           const std::vector<VariantInfo>& known) {
  const index_t own_start = c.proxy_start < c.layers ? c.proxy_start : c.layers / 2;
  const index_t own_reduce = c.proxy_factor > 1 && c.crop_side % c.proxy_factor == 0 ? c.proxy_factor : 1;
  return cases(known, o.variants, o.start.empty() ? std::vector{own_start} : parse_sweep(o.start),
               o.reduce.empty() ? std::vector{own_reduce} : parse_sweep(o.reduce), c);
}

/// One line on standard error per case, with an estimate of the time left.
class Progress {
 public:
  Progress(std::size_t steps, bool quiet) : steps_(steps), quiet_(quiet) {}

  void step(const std::string& text) {
    ++done_;
    if (quiet_) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double left = seconds / static_cast<double>(done_) * static_cast<double>(steps_ - done_);
    fmt::print(stderr, "[{}/{}] {}{}\n", done_, steps_, text,
               done_ < steps_ ? fmt::format("; about {:.0f} s left", left) : std::string());
  }

 private:
  std::size_t steps_, done_ = 0;
  bool quiet_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Twice through all cases, each time with half of the repetitions: what a busy machine does to one round
/// shows as a difference between the two.
Run measure(const FrontOptions& o, Runner& runner) {
  constexpr int rounds = 2;
  Run run;
  run.workload = workload_of(o);
  run.machine = machine_text();
  const std::vector<Case> all = cases_of(o, run.workload.config, runner.variants());
  Workload half = run.workload;
  half.repetitions = (half.repetitions + rounds - 1) / rounds;
  Progress progress(rounds * (all.size() + 1) + 1, o.quiet);
  runner.prepare(half, all);
  progress.step("weights");
  for (int round = 0; round < rounds; ++round) {
    run.ceilings.take_best(runner.ceilings(half));
    progress.step(fmt::format("the engine at its best: {:.0f} GFLOP/s, {:.1f} GB/s",
                              run.ceilings.gemm_flops / 1e9, run.ceilings.copy_bytes / 1e9));
    for (std::size_t i = 0; i < all.size(); ++i) {
      Result r = runner.run(all[i]);
      progress.step(fmt::format("{}: {:.3f} ms", all[i].name(), r.prefill.median()));
      if (round == 0) run.results.push_back(std::move(r));
      else run.results[i].add(r);
    }
  }
  return run;
}

void print_table(const Run& run) {
  std::vector<std::vector<std::string>> rows{
      {"case", "encoder ms", "prefill ms", "±", "token ms", "GFLOP", "GFLOP/s", "of best"}};
  for (const Result& r : run.results) {
    const double ms = r.prefill.median();
    rows.push_back({r.setting.name(), r.encode.empty() ? "-" : fmt::format("{:.3f}", r.encode.median()),
                    fmt::format("{:.3f}", ms), fmt::format("{:.1f} %", 100.0 * r.prefill.spread()),
                    r.decode.empty() ? "-" : fmt::format("{:.3f}", r.decode.median()),
                    fmt::format("{:.2f}", r.prefill_flops / 1e9),
                    fmt::format("{:.1f}", r.prefill_flops / ms / 1e6),
                    fmt::format("{:.0f} %", 1e5 * r.prefill_flops / ms / run.ceilings.gemm_flops)});
  }
  fmt::print(
      "{}\nMedian of {}. Between the two rounds a case's median moved by {:.1f} %, at most {:.1f} %.\n",
      cli::table(rows), run.results[0].prefill.ms.size(), 100.0 * run.noise(), 100.0 * run.worst_noise());
  if (run.noise() > 0.1) fmt::print("That is much: is the machine doing something else?\n");
}

void print_comparison(const Comparison& c) {
  static constexpr const char* words[] = {"same", "faster", "slower"};
  std::vector<std::vector<std::string>> rows{{"compared", "then ms", "now ms", "change", "noise", ""}};
  for (const Change& x : c.changes)
    rows.push_back({x.what, fmt::format("{:.3f}", x.old_ms), fmt::format("{:.3f}", x.new_ms),
                    fmt::format("{:+.1f} %", 100.0 * x.relative()), fmt::format("{:.1f} %", 100.0 * x.noise),
                    words[static_cast<int>(x.verdict())]});
  fmt::print("\n{}", cli::table(rows));
  if (c.other_machine) fmt::print("The earlier run is of another machine.\n");
  for (const std::string& name : c.only_then) fmt::print("Only in the earlier run: {}\n", name);
  for (const std::string& name : c.only_now) fmt::print("Only in this run: {}\n", name);
}

}  // namespace

void add_bench_options(CLI::App& app, FrontOptions& o) {
  const auto size = CLI::Range(index_t{1}, index_t{1} << 24);
  app.add_option("--model", o.model, "Sizes: a preset (" + cli::preset_names() + ") or a checkpoint folder")
      ->capture_default_str();
  app.add_option("--hidden", o.hidden, "Own sizes in place of the model's")->check(size);
  app.add_option("--layers", o.layers)->check(CLI::Range(1, 4096));
  app.add_option("--heads", o.heads)->check(size);
  app.add_option("--kv-heads", o.kv_heads)->check(size);
  app.add_option("--head-dim", o.head_dim)->check(size);
  app.add_option("--ffn", o.ffn)->check(size);
  app.add_option("--vocab", o.vocab)->check(size);
  app.add_option("--crop-side", o.crop_side, "Vision tokens per side of a crop")->check(CLI::Range(1, 4096));
  app.add_option("--variants", o.variants, "What to measure, joined by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--start-layer", o.start,
                 "Sweep FIRST:LAST:STEP, or numbers joined by commas; by default the model's own");
  app.add_option("--reduce", o.reduce, "Sweep of the reduction per side of a crop");
  app.add_option("--crops", o.workload.crops, "Crops of the picture")
      ->capture_default_str()
      ->check(CLI::Range(0, 65536));
  app.add_option("--text", o.workload.text, "Text tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--decode", o.workload.decode, "Tokens generated after the prompt")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--encoder", o.workload.encoder,
                 "The stage before: none, clip-l (24 layers of 1024), tiny (4 of 64)")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "clip-l", "tiny"}));
  app.add_option("--engine", o.workload.engine, "eigen (CPU) or cuda (GPU)")
      ->capture_default_str()
      ->check(CLI::IsMember({"eigen", "cuda"}));
  app.add_option("--dtype", o.dtype, "Elements of its tensors; bf16 on cuda unless told, f32 on eigen always")
      ->check(CLI::IsMember({"bf16", "f16", "f32"}));
  o.workload.weights.clear();
  app.add_option("--weights", o.workload.weights,
                 "Type of the weights; by default f32 on eigen, as --dtype on cuda")
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  o.workload.threads = 0;
  app.add_option("--threads", o.workload.threads, "Of the eigen engine; 0 = all cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--warm-up", o.workload.warm_up, "Runs before those that count")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  app.add_option("--repetitions", o.workload.repetitions,
                 "Runs that count, half of them in each of two rounds through all cases")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--json", o.json, "File to write, for --compare later");
  app.add_option("--csv", o.csv, "File to write");
  app.add_option("--html", o.html, "File to write: a report with plots");
  app.add_option("--compare", o.compare, "Earlier --json file; exit status 1 for a slowdown");
  app.add_option("--threshold", o.threshold, "Percent from which a slowdown beyond the noise counts")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  app.add_flag("--quiet", o.quiet, "No progress on standard error");
}

int run_front(const FrontOptions& o, const MakeRunner& make) {
  const Workload w = workload_of(o);
  const auto runner = make(w.engine, w.element);
  OldRun then;
  if (!o.compare.empty()) {  // what is wrong with it is told before the minutes of measuring
    then = read_old_run(o.compare);
    check_same_workload(then, w);
  }
  const Run run = measure(o, *runner);
  print_table(run);
  if (!o.json.empty())
    cli::write_text(o.json, run_json(run).dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  if (!o.csv.empty()) cli::write_text(o.csv, run_csv(run));
  if (!o.html.empty()) cli::write_text(o.html, report_html(run));
  if (o.compare.empty()) return 0;
  const Comparison c = compare(then, run);
  print_comparison(c);
  return c.slowdown(o.threshold / 100.0) ? 1 : 0;
}

}  // namespace bench
