// What is run: a backbone with random weights on the device, one prompt through it, tokens after it.
//
// Everything of one case hangs on one engine, so that memory can be counted and given back. The prompt is
// that of GPU_PEERS.md: 35 words, 5 crops of 24 x 24 tokens, 15 words; the work begins from hidden states.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/shared/models.hpp"
#include "proxyv/proxyv.hpp"

#include "proxyv/cuda.hpp"

namespace cuda_bench {

using namespace bench_shared;
using Element = pv::bf16;
using Engine = pv::CudaBackend<Element>;
/// With proxy_start == layers this is the baseline: the stack of ProxyV layers is then empty.
using Model = pv::ProxyDecoder<Engine>;

inline constexpr index_t cache_rows = 3200;

inline std::size_t free_memory() {
  std::size_t free = 0, all = 0;
  pv::cuda::check(cudaMemGetInfo(&free, &all), "cudaMemGetInfo", "bench");
  return free;
}

/// n numbers around 0 with standard deviation 1.
template <class E>
pv::Buffer<Element, pv::DeviceSpace> noise(E& be, index_t n, std::uint64_t key) {
  auto made = be.template alloc<Element>(n);
  be.fill_uniform(made.data(), n, key, 3.4641016f, 0.f);
  return made;
}

/// Scratch for a prompt in any of its forms, told without the weights.
inline std::size_t workspace_for(const pv::RuntimeConfig& config, const pv::PrefillOptions& options) {
  pv::PlanBackend<Engine> plan;
  const Model model(plan, config, pv::shape_only_weights<Engine>(config));
  return pv::workspace_bytes(model, layout_for(model.crop_shape()), 1, options);
}

/// An engine with a model's weights.
struct Loaded {
  pv::CudaOptions options;
  Engine be;
  Model model;
  pv::TokenLayout layout;

  explicit Loaded(const pv::RuntimeConfig& config, const pv::PrefillOptions& form = {})
      : options{.workspace_bytes = workspace_for(config, form)},
        be(options),
        model(pv::random_decoder<Model>(be, config,
                                        {.seed = 1,
                                         .type = pv::DType::bf16,
                                         .deviation = 0.02f,
                                         .plain_updates = !form.savings.folded_update})),
        layout(layout_for(model.crop_shape())) {
    be.sync();
  }
};

/// One prompt through a model, recorded once and replayed.
class Prefill {
 public:
  explicit Prefill(Loaded& on)
      : on_(on),
        vision_(noise(on.be, on.layout.vision() * hidden(), 2)),
        text_(noise(on.be, on.layout.text() * hidden(), 3)),
        cache_(on.be, on.model.cache_shape(cache_rows)),
        logits_(on.be.alloc<Element>(on.model.config().vocab)) {}

  /// Without a graph, on any engine with these tensors. Leaves the cache as after a replay.
  template <class E, class Hook = pv::NoHook>
  void call(E& be, const pv::PrefillOptions& form = {}, Hook&& hook = {}) {
    cache_.clear();
    on_.model.prefill(be, prompt(), cache_, logits(), form, hook);
  }
  void tune(const pv::PrefillOptions& form = {}) {
    on_.be.tune([&] { call(on_.be, form); });
  }
  pv::cuda::Graph record(const pv::PrefillOptions& form = {}) {
    return on_.be.record([&] { call(on_.be, form); });
  }
  /// Whether a replay gives the logits of a call, bit for bit.
  bool replay_agrees(const pv::cuda::Graph& graph, const pv::PrefillOptions& form = {}) {
    call(on_.be, form);
    const std::vector<float> called = host_logits();
    on_.be.fill_uniform(logits_.data(), logits_.size(), 9, 1.f, 0.f);
    on_.be.replay(graph);
    return host_logits() == called;
  }
  std::vector<float> host_logits() {
    std::vector<float> out(static_cast<std::size_t>(logits_.size()));
    on_.be.download(pv::In<Engine>(logits()), pv::View<float>(out.data(), 1, logits_.size()));
    return out;
  }

  pv::KvCache<Engine>& cache() { return cache_; }
  /// The picture's tokens, which a recorded prompt reads where they lie.
  pv::Out<Engine> vision() const { return vision_.matrix(on_.layout.vision(), hidden()); }
  pv::Out<Engine> logits() const { return logits_.matrix(1, on_.model.config().vocab); }

 private:
  index_t hidden() const { return on_.model.config().hidden; }
  pv::Prompt<Engine> prompt() const {
    return {on_.layout, vision(), text_.matrix(on_.layout.text(), hidden())};
  }

  Loaded& on_;
  pv::Buffer<Element, pv::DeviceSpace> vision_, text_;
  pv::KvCache<Engine> cache_;
  pv::Buffer<Element, pv::DeviceSpace> logits_;
};

/// Tokens after a prompt that has filled its cache: one step, recorded and replayed.
class Generation {
 public:
  static constexpr int tokens = 64;

  Generation(Loaded& on, Prefill& prompt) : on_(on), prompt_(prompt), state_(on.be) {}

  void reset() {
    const auto& cache = prompt_.cache();
    state_.set(on_.be, 7, cache.next_position(), cache.length(), 0);
  }
  template <class E>
  void step(E& be) {
    on_.model.step(be, state_, prompt_.cache(), prompt_.logits(), {});
  }
  pv::cuda::Graph record() {
    return on_.be.record([&] { step(on_.be); });
  }

 private:
  Loaded& on_;
  Prefill& prompt_;
  pv::StepState<Engine> state_;
};

}  // namespace cuda_bench
