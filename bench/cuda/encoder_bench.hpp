// The vision encoder with its projector: patches of one and of five crops to tokens. Random weights.
#pragma once

#include <memory>

#include "bench/cuda/op_bench.hpp"
#include "proxyv/vision/projector.hpp"

namespace cuda_bench {

struct Sight {
  std::shared_ptr<pv::WeightStore<Engine>> store = std::make_shared<pv::WeightStore<Engine>>();
  std::unique_ptr<pv::ClipEncoder<Engine>> encoder;
  std::unique_ptr<pv::Projector<Engine>> projector;

  Sight(Engine& be, const pv::ClipConfig& clip, index_t hidden) {
    const pv::RandomOptions options{.seed = 1, .type = pv::DType::bf16};
    pv::detail::RandomVisitor<Engine, Engine> draw(be, options, *store);
    pv::ClipWeights<Engine> weights;
    pv::for_each_tensor<Engine>(clip, weights, draw);
    encoder = std::make_unique<pv::ClipEncoder<Engine>>(be, clip, weights);
    pv::ProjectorWeights<Engine> last;
    pv::for_each_tensor<Engine>(clip.hidden, hidden, last, draw);
    projector = std::make_unique<pv::Projector<Engine>>(last);
  }

  template <class E>
  void look(E& be, pv::In<Engine> patches, pv::Out<Engine> features, pv::Out<Engine> tokens) const {
    (*encoder)(be, patches, features);
    (*projector)(be, features, tokens);
  }
};

inline void add_encoder() {
  const NamedEncoder which = encoders().front();
  constexpr index_t hidden = 4096;
  for (const index_t count : {1, crops}) {
    const index_t rows = count * which.config.patches(), width = which.config.patch_width();
    add_benchmark("encoder/" + which.name + "/crops_" + std::to_string(count), [=](benchmark::State& state) {
      Bench b;
      const Sight sight(b.be, which.config, hidden);
      const auto patches = b.tensor(rows, width), features = b.tensor(rows, which.config.hidden),
                 tokens = b.tensor(rows, hidden);
      pv::PlanBackend<Engine> plan;
      sight.look(plan, patches, features, tokens);
      const Milliseconds times =
          times_of(b, {[&] { sight.look(b.be, patches, features, tokens); }}, 4, no_rest);
      report(state, times);
      const double flops = plan.cost().flops();
      state.counters["tflop_per_s"] = 1e-9 * flops / median(times);
      state.counters["share"] = ceilings().least_ms({.flops = flops}) / median(times);
      state.counters["tokens_per_s"] = 1e3 * static_cast<double>(rows) / median(times);
    });
  }
}

}  // namespace cuda_bench
