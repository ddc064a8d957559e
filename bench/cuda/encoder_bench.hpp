// The vision encoder with its projector: patches of one and of five crops to tokens. Random weights.
#pragma once

#include "bench/cuda/op_bench.hpp"
#include "examples/cli/bench/vision_tower.hpp"
#include "proxyv/model/random.hpp"

namespace cuda_bench {

inline void add_encoder() {
  const NamedEncoder which = encoders().front();
  constexpr index_t hidden = 4096;
  for (const index_t count : {1, crops}) {
    const index_t rows = count * which.config.patches(), width = which.config.patch_width();
    add_benchmark("encoder/" + which.name + "/crops_" + std::to_string(count), [=](benchmark::State& state) {
      Bench b;
      pv::WeightStore<Engine> store;
      const pv::RandomOptions options{.seed = 1, .type = pv::DType::bf16};
      const bench::VisionTower<Engine> tower(b.be, which.config, hidden,
                                             pv::detail::RandomVisitor<Engine, Engine>(b.be, options, store));
      const auto patches = b.tensor(rows, width), features = b.tensor(rows, which.config.hidden),
                 tokens = b.tensor(rows, hidden);
      const auto look = [&](auto& be) {
        tower.encoder(be, patches, features);
        tower.projector(be, features, tokens);
      };
      pv::PlanBackend<Engine> plan;
      look(plan);
      const Milliseconds times = times_of(b, {[&] { look(b.be); }}, 4, no_rest);
      report(state, times);
      const double flops = plan.cost().flops();
      state.counters["tflop_per_s"] = 1e-9 * flops / median(times);
      state.counters["share"] = ceilings().least_ms({.flops = flops}) / median(times);
      state.counters["tokens_per_s"] = 1e3 * static_cast<double>(rows) / median(times);
    });
  }
}

}  // namespace cuda_bench
