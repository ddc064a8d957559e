// Work for several threads: a loop whose tasks are dealt to whoever is free. The threads are the caller's
// pool, or OpenMP's when the consumer compiles with it, or else the calling one. Results never depend on who
// does which task.
#pragma once

#include <atomic>

#include "proxyv/backend/host_pool.hpp"
#include "proxyv/core/shape.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace proxyv::inline v0 {
namespace detail {

/// How many threads an op may use, and whose. A number alone means OpenMP's.
struct Team {
  int threads = 1;
  HostPool pool{};

  Team(int count, const HostPool& mine = {}) : threads(count), pool(mine) {}
  operator int() const { return threads; }
};

/// What a loop does, without its type: dealing is compiled once for all loops.
struct TaskCall {
  void (*call)(const void* f, index_t task, int thread);
  const void* f;

  void operator()(index_t task, int thread) const { call(f, task, thread); }
};

/// Tasks [0, tasks), each done once by whichever part comes for it.
struct Deal {
  TaskCall f;
  index_t tasks;
  std::atomic<index_t> next{0};

  void part(int thread) {
    for (index_t task = take(); task < tasks; task = take()) f(task, thread);
  }
  index_t take() { return next.fetch_add(1, std::memory_order_relaxed); }
};

[[gnu::noinline]] inline void deal_tasks(const Team& team, index_t tasks, TaskCall f) {
  if (team.threads > 1 && tasks > 1) {
    [[maybe_unused]] Deal deal{f, tasks};
    if (team.pool) {
      const int parts = tasks < team.threads ? static_cast<int>(tasks) : team.threads;
      return team.pool.run(
          team.pool.pool, parts, [](void* work, int number) { static_cast<Deal*>(work)->part(number); },
          &deal);
    }
#if defined(_OPENMP)
    // Always the same team size: the OpenMP runtime then keeps its team and allocates nothing.
#pragma omp parallel num_threads(team.threads)
    deal.part(omp_get_thread_num());
    return;
#endif
  }
  for (index_t task = 0; task < tasks; ++task) f(task, 0);
}

/// Calls f(task, thread) for every task in [0, tasks), in order of their numbers but on up to `team.threads`
/// threads: whoever is free takes the next. `thread` < team.threads names the scratch to use.
template <class F>
void parallel_for(const Team& team, index_t tasks, const F& f) {
  deal_tasks(
      team, tasks,
      {[](const void* mine, index_t task, int thread) { (*static_cast<const F*>(mine))(task, thread); }, &f});
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
