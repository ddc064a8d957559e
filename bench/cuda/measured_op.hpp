// How an op is timed: many calls in one graph, so that no launch gap is counted.
#pragma once

#include "bench/cuda/operands.hpp"

namespace cuda_bench {

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

/// Products rest between series: bursts, as in GPU_PEERS.md.
inline constexpr std::chrono::milliseconds burst{15}, no_rest{0};

/// Milliseconds of a call, 20 times: each the mean of a graph of `count` calls, or a few more, of these in
/// turn.
inline Milliseconds times_of(Bench& b, const std::vector<Call>& calls, int count,
                             std::chrono::milliseconds rest) {
  const int sets = static_cast<int>(calls.size());
  count = (count + sets - 1) / sets * sets;
  b.be.tune(calls.front());
  const auto graph = b.be.record([&] {
    for (int i = 0; i < count; ++i) calls[static_cast<std::size_t>(i % sets)]();
  });
  const auto replay = [&] { b.be.replay(graph); };
  timed(b.be.stream(), 3, {}, replay);
  Milliseconds times = timed(b.be.stream(), 20, rest, replay);
  for (double& ms : times) ms /= count;
  return times;
}

}  // namespace cuda_bench
