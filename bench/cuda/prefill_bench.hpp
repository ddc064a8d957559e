// Benchmarks of whole models: a prompt, its layers one by one, and tokens after it.
//
// Names are those of bench/peers: prefill/MODEL/CASE[/VARIANT]/WAY, decode/MODEL. One model is in memory at a
// time; benchmarks that follow each other share it.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>

#include "bench/cuda/model.hpp"
#include "bench/cuda/timing.hpp"

namespace cuda_bench {

/// A model, how far its proxies reach, and the form in which prompts run.
struct Case {
  std::string model, name;
  pv::RuntimeConfig config;
  std::string variant;
  pv::PrefillOptions form{};

  std::string prefix() const {
    return "prefill/" + model + "/" + name + (variant.empty() ? "" : "/" + variant);
  }
};

/// A case ready to run: weights made, products tuned, the prompt recorded.
class Stage {
 public:
  explicit Stage(const Case& c)
      : free_before_(free_memory()), form_(c.form), on_(c.config, c.form), prefill_(on_), graph_(prepared()) {
    agrees_ = prefill_.replay_agrees(graph_, form_);
    peak_ = free_before_ - free_memory();
  }

  /// The stage of a case; the one before, if it is another case's, goes first.
  static Stage& of(const Case& c) {
    static std::unique_ptr<Stage> stage;
    static std::string name;
    if (stage == nullptr || name != c.prefix()) {
      stage.reset();
      stage = std::make_unique<Stage>(c);
      name = c.prefix();
    }
    return *stage;
  }

  Loaded& on() { return on_; }
  Prefill& prefill() { return prefill_; }
  void replay() { on_.be.replay(graph_); }
  void call() { prefill_.call(on_.be, form_); }
  bool agrees() const { return agrees_; }
  double nodes() const { return static_cast<double>(graph_.nodes()); }
  double tflop() const { return 1e-12 * on_.model.plan_prefill(on_.layout, form_).flops(); }
  /// What the device's memory lost: weights, cache, workspace, and everything else that came with the engine.
  double peak_gib() const { return static_cast<double>(peak_) / static_cast<double>(1u << 30); }

 private:
  pv::cuda::Graph prepared() {
    prefill_.tune(form_);
    return prefill_.record(form_);
  }

  std::size_t free_before_, peak_ = 0;
  pv::PrefillOptions form_;
  Loaded on_;
  Prefill prefill_;
  pv::cuda::Graph graph_;
  bool agrees_ = false;
};

/// One measurement is a whole series of calls: its median is the time, fastest and slowest are told beside
/// it.
inline void report(benchmark::State& state, const Milliseconds& times) {
  state.SetIterationTime(1e-3 * median(times));
  state.counters["fastest_ms"] = *std::min_element(times.begin(), times.end());
  state.counters["slowest_ms"] = *std::max_element(times.begin(), times.end());
  state.counters["calls"] = static_cast<double>(times.size());
}

template <class F>
void add_benchmark(const std::string& name, F&& run) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [run](benchmark::State& state) {
                                 for (auto _ : state) {
                                   try {
                                     run(state);
                                   } catch (const std::exception& error) {
                                     state.SkipWithError(error.what());
                                     break;
                                   }
                                 }
                               })
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

inline void add_prefill(const Case& c, bool also_without_graph) {
  const auto measure = [c](bool recorded, bool rested) {
    return [=](benchmark::State& state) {
      Stage& stage = Stage::of(c);
      if (!stage.agrees()) return state.SkipWithError("the recorded call gives other logits than the call");
      const auto work = [&] { recorded ? stage.replay() : stage.call(); };
      const auto stream = stage.on().be.stream();
      const Milliseconds times = rested ? spaced(stream, work) : back_to_back(stream, work);
      report(state, times);
      state.counters["tflop"] = stage.tflop();
      state.counters["tflop_per_s"] = 1e3 * stage.tflop() / median(times);
      state.counters["peak_gib"] = stage.peak_gib();
      state.counters["workspace_mib"] = static_cast<double>(stage.on().options.workspace_bytes >> 20);
      state.counters["nodes"] = stage.nodes();
    };
  };
  for (const bool recorded : {true, false}) {
    if (!recorded && !also_without_graph) continue;
    const std::string name = c.prefix() + (recorded ? "" : "/no_graph");
    add_benchmark(name + "/spaced", measure(recorded, true));
    add_benchmark(name + "/back_to_back", measure(recorded, false));
  }
}

/// Bytes that one token reads: weights and, on average over the run, keys and values.
inline double bytes_per_token(const pv::RuntimeConfig& c, index_t context) {
  const index_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  const index_t layer = c.hidden * (2 * q + 2 * kv + 3 * c.ffn) + 2 * kv * (context + Generation::tokens / 2);
  return 2.0 * static_cast<double>(c.layers * layer + c.vocab * c.hidden);
}

inline void add_decode(const Case& c) {
  add_benchmark("decode/" + c.model, [c](benchmark::State& state) {
    Stage& stage = Stage::of(c);
    Engine& be = stage.on().be;
    stage.call();  // fills the cache
    Generation generation(stage.on(), stage.prefill());
    const auto step = generation.record();
    const auto tokens = [&] {
      generation.reset();
      for (int i = 0; i < Generation::tokens; ++i) be.replay(step);
    };
    timed(be.stream(), 1, {}, tokens);
    Milliseconds times = timed(be.stream(), 5, {}, tokens);
    for (double& ms : times) ms /= Generation::tokens;
    report(state, times);
    state.counters["context"] = static_cast<double>(stage.prefill().cache().length());
    state.counters["tb_per_s"] =
        1e-9 * bytes_per_token(c.config, stage.prefill().cache().length()) / median(times);
    state.counters["nodes"] = static_cast<double>(step.nodes());
  });
}

/// Layers where they stand, in calls without a graph: the median over the layers of a kind, and over calls.
inline void add_layers(const Case& c) {
  const auto measure = [c](bool proxies) {
    return [=](benchmark::State& state) {
      Stage& stage = Stage::of(c);
      Engine& be = stage.on().be;
      const auto layers = static_cast<std::size_t>(c.config.layers),
                 start = static_cast<std::size_t>(c.config.proxy_start);
      std::vector<TimedEvent> after(layers);
      const auto hook = [&](const auto& event) {
        // After layer start-1 comes a second event, with the proxies just made: that one stays.
        if (event.layer >= 0) after[static_cast<std::size_t>(event.layer)].record(be.stream());
      };
      Milliseconds times;
      for (int call = 0; call < 10; ++call) {
        stage.prefill().call(be, c.form, hook);
        be.sync();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const std::size_t first = proxies ? start : 1, end = proxies ? layers - 1 : start;
        Milliseconds each;
        for (std::size_t i = first; i < end; ++i)
          if (i > 0) each.push_back(after[i].since(after[i - 1]));
        if (call > 1) times.push_back(median(each));
      }
      report(state, times);
    };
  };
  add_benchmark("layer/" + c.model + "/vanilla", measure(false));
  add_benchmark("layer/" + c.model + "/proxyv", measure(true));
}

template <class Preset>
Case baseline(const char* model) {
  return {model, "baseline", starting_at(pv::RuntimeConfig::from(Preset{}), Preset::layers), "", {}};
}
template <class Preset>
Case proxied(const char* model, index_t start) {
  return {model,
          "proxyv_L" + std::to_string(start),
          starting_at(pv::RuntimeConfig::from(Preset{}), start),
          "",
          {}};
}

/// In an order that loads every model once.
inline void add_models() {
  using pv::presets::Llama3_8B;
  using pv::presets::Vicuna7B;
  constexpr pv::Savings all_rows_move_on{.dead_rows = false};
  const auto variant = [](Case c, const char* name, const pv::Savings& savings) {
    c.variant = name;
    c.form.savings = savings;
    return c;
  };
  const Case vicuna = baseline<Vicuna7B>("vicuna-7b"), vicuna12 = proxied<Vicuna7B>("vicuna-7b", 12);
  add_prefill(vicuna, true);
  add_decode(vicuna);
  add_prefill(vicuna12, true);
  add_layers(vicuna12);
  add_prefill(proxied<Vicuna7B>("vicuna-7b", 16), true);
  add_prefill(variant(vicuna, "without_dead_rows", all_rows_move_on), false);
  add_prefill(variant(vicuna12, "without_dead_rows", all_rows_move_on), false);
  add_prefill(variant(vicuna12, "plain", pv::Savings::none()), false);

  const Case llama = baseline<Llama3_8B>("llama3-8b");
  add_prefill(llama, true);
  add_decode(llama);
  for (const index_t start : {16, 20}) add_prefill(proxied<Llama3_8B>("llama3-8b", start), true);
}

}  // namespace cuda_bench
