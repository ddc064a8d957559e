#include "proxyv/eigen/threads.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "support/catch.hpp"
#include "thread_pool.hpp"

using namespace proxyv;

namespace {

/// A pool without a thread of its own.
struct InTurn {
  int largest = 0;

  void run(int parts, const auto& f) {
    largest = std::max(largest, parts);
    for (int i = parts; i-- > 0;) f(i);
  }
};

}  // namespace

TEST_CASE("threads: every task runs once, with a thread that exists") {
  for (int threads : {1, 2, 5}) {
    std::vector<int> runs(37, 0), owner(37, -1);
    detail::parallel_for(threads, 37, [&](index_t task, int thread) {
      ++runs[static_cast<std::size_t>(task)];
      owner[static_cast<std::size_t>(task)] = thread;
    });
    for (int n : runs) CHECK(n == 1);
    for (int t : owner) CHECK((t >= 0 && t < threads));
    detail::parallel_for(threads, 0, [&](index_t, int) { FAIL("no task, no call"); });
  }
}

TEST_CASE("threads: shares cover everything, cut at the grain") {
  for (index_t n : {0, 1, 5, 64, 100, 1000}) {
    for (index_t parts : {1, 2, 3, 7, 40}) {
      for (index_t grain : {1, 6, 64}) {
        index_t at = 0, largest = 0;
        for (index_t i = 0; i < parts; ++i) {
          const auto r = detail::share(n, parts, i, grain);
          CHECK(r.begin == at);
          CHECK((r.begin % grain == 0 || r.begin == n));
          CHECK(r.size() >= 0);
          largest = std::max(largest, r.size());
          at = r.end;
        }
        CHECK(at == n);
        CHECK(largest <= ((n + grain - 1) / grain + parts - 1) / parts * grain);
      }
    }
  }
}

TEST_CASE("threads: a pool of the caller's runs every task once, and no one else does") {
  ThreadPool mine(3);
  for (int threads : {1, 2, 3, 8}) {
    const detail::Team team(threads, host_pool(mine));
    for (index_t tasks : {0, 1, 2, 37}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks)),
          busy(static_cast<std::size_t>(threads));
      std::atomic<bool> good{true};
      detail::parallel_for(team, tasks, [&](index_t task, int thread) {
        if (thread < 0 || thread >= threads || ++busy[static_cast<std::size_t>(thread)] > 1) good = false;
        ++runs[static_cast<std::size_t>(task)];
        --busy[static_cast<std::size_t>(thread)];
      });
      CHECK(good);  // two tasks never share a thread's scratch at the same time
      for (const auto& n : runs) CHECK(n == 1);
    }
  }
}

TEST_CASE("threads: a pool that runs parts in turn on the calling thread does all of it") {
  InTurn mine;
  int sum = 0;
  detail::parallel_for({4, host_pool(mine)}, 10, [&](index_t task, int) { sum += static_cast<int>(task); });
  CHECK(sum == 45);
  CHECK(mine.largest == 4);
  detail::parallel_for({4, host_pool(mine)}, 2, [&](index_t, int) {});
  CHECK(mine.largest == 4);  // two tasks need two parts
}
