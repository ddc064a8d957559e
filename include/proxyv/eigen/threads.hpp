// Work for several threads: a static or a dealt loop over tasks. OpenMP when the consumer compiles
// with it, one thread otherwise. Results never depend on who does which task.
#pragma once

#include <atomic>

#include "proxyv/core/shape.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace proxyv::inline v0 {
namespace detail {

/// Calls f(task, thread) for every task in [0, tasks), in order of their numbers but on up to `threads`
/// threads: whoever is free takes the next. `thread` < threads names the scratch to use.
template <class F>
void parallel_for(int threads, index_t tasks, F&& f) {
#if defined(_OPENMP)
  if (threads > 1 && tasks > 1) {
    std::atomic<index_t> next{0};
    // Always the same team size: the OpenMP runtime then keeps its team and allocates nothing.
#pragma omp parallel num_threads(threads)
    {
      const int thread = omp_get_thread_num();
      for (index_t task = next.fetch_add(1, std::memory_order_relaxed); task < tasks;
           task = next.fetch_add(1, std::memory_order_relaxed))
        f(task, thread);
    }
    return;
  }
#endif
  static_cast<void>(threads);
  for (index_t task = 0; task < tasks; ++task) f(task, 0);
}

/// Makes the runtime start its threads now rather than in the first op.
inline void start_threads(int threads) {
  parallel_for(threads, threads, [](index_t, int) {});
}

/// Part i of [0, n) cut into `parts` nearly equal pieces on multiples of `grain`.
struct Range {
  index_t begin, end;
  index_t size() const { return end - begin; }
};
inline Range share(index_t n, index_t parts, index_t i, index_t grain = 1) {
  const index_t grains = (n + grain - 1) / grain;
  const auto cut = [&](index_t k) {
    const index_t at = grains / parts * k + grains % parts * k / parts;
    return at * grain < n ? at * grain : n;
  };
  return {cut(i), cut(i + 1)};
}

}  // namespace detail
}  // namespace proxyv::inline v0
