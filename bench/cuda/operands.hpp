// What a benchmark of one op stands on: operands on the device, and many calls in one graph.
//
// With many calls in a graph no launch gap is counted; operands are rotated past the L2.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bench/cuda/prefill_bench.hpp"

namespace cuda_bench {

/// An engine, and device tensors made for it that live as long as it does.
class Bench {
 public:
  Bench() : be({.workspace_bytes = std::size_t{256} << 20}) {}

  pv::Out<Engine> tensor(index_t rows, index_t cols, float deviation = 1.f) {
    kept_.push_back(be.alloc<Element>(rows * cols));
    be.fill_uniform(kept_.back().data(), rows * cols, kept_.size(), deviation * 3.4641016f, 0.f);
    return kept_.back().matrix(rows, cols);
  }
  pv::WeightOf<Engine> weight(index_t rows, index_t cols) {
    return pv::WeightOf<Engine>(pv::In<Engine>(tensor(rows, cols, 0.02f)));
  }
  pv::Vec<Engine> gain(index_t n) { return {tensor(1, n).data(), n}; }
  pv::OutIds<Engine> numbers(const std::vector<std::int32_t>& host) {
    const auto n = static_cast<index_t>(host.size());
    ids_.push_back(be.alloc<std::int32_t>(n));
    be.upload(pv::Span<const std::int32_t>(host.data(), n), ids_.back().span());
    return ids_.back().span();
  }
  pv::Table<Engine> rotary(pv::Ids<Engine> positions, index_t head_dim) {
    tables_.push_back(be.alloc<float>(positions.size() * head_dim));
    be.rotary_table(positions, {head_dim, 10000.0}, tables_.back().matrix(positions.size(), head_dim));
    return tables_.back().matrix(positions.size(), head_dim);
  }

  Engine be;

 private:
  std::vector<pv::Buffer<Element, pv::DeviceSpace>> kept_;
  std::vector<pv::Buffer<std::int32_t, pv::DeviceSpace>> ids_;
  std::vector<pv::Buffer<float, pv::DeviceSpace>> tables_;
};

inline pv::OutIds<Engine> counting(Bench& b, index_t n, index_t first = 0) {
  std::vector<std::int32_t> host(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < host.size(); ++i)
    host[i] = static_cast<std::int32_t>(first) + static_cast<std::int32_t>(i);
  return b.numbers(host);
}

using Call = std::function<void()>;

/// What one call of an op needs and counts.
struct OpCost {
  double bytes = 0.0;  ///< of its operands: they are rotated until 192 MB are passed, and give TB/s
  double flops = 0.0;
  int sets = 0;  ///< of operands, instead of as many as the bytes say
};

/// 12 as in bench/peers, and for short ops as many as take about 2 ms, beside which a graph's launch is
/// nothing.
inline int calls_in_graph(const OpCost& cost) {
  if (cost.sets > 0) return 12;
  const double expected_ms = cost.bytes / 4e9 + cost.flops / 7e11;
  return static_cast<int>(std::clamp(2.0 / expected_ms, 12.0, 240.0));
}

/// prepare(bench) makes one set of operands and returns the call on it.
template <class Prepare>
void add_op(const std::string& name, const OpCost& cost, std::chrono::milliseconds rest, Prepare&& prepare) {
  add_benchmark(name, [=](benchmark::State& state) {
    Bench b;
    const auto fit = static_cast<int>(192e6 / std::max(cost.bytes, 1.0)) + 1;
    const int sets = cost.sets > 0 ? cost.sets : std::clamp(fit, 2, 24);
    std::vector<Call> calls;
    for (int i = 0; i < sets; ++i) calls.push_back(prepare(b));
    b.be.tune(calls.front());
    const int count = (calls_in_graph(cost) + sets - 1) / sets * sets;
    const auto graph = b.be.record([&] {
      for (int i = 0; i < count; ++i) calls[static_cast<std::size_t>(i % sets)]();
    });
    const auto replay = [&] { b.be.replay(graph); };
    timed(b.be.stream(), 3, {}, replay);
    Milliseconds times = timed(b.be.stream(), 20, rest, replay);
    for (double& ms : times) ms /= count;
    report(state, times);
    if (cost.flops > 0) state.counters["tflop_per_s"] = 1e-9 * cost.flops / median(times);
    if (cost.bytes > 0) state.counters["tb_per_s"] = 1e-9 * cost.bytes / median(times);
  });
}

/// Products rest between series: bursts, as in GPU_PEERS.md.
inline constexpr std::chrono::milliseconds burst{15}, no_rest{0};

}  // namespace cuda_bench
