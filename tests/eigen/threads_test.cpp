#include "proxyv/eigen/threads.hpp"

#include <algorithm>
#include <vector>

#include "support/catch.hpp"

using namespace proxyv;

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
