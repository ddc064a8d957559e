// What the row-by-row ops share: sums and maxima of a row, and rows dealt to threads.
#pragma once

#include <algorithm>
#include <limits>

#include "proxyv/eigen/packet.hpp"
#include "proxyv/eigen/threads.hpp"

namespace proxyv::inline v0 {
namespace detail {

#include "proxyv/eigen/level/rows.inl"

/// f(row) for all rows, on several threads when the rows are long and many enough to pay.
template <class F>
void each_row(Team threads, index_t rows, index_t cost, F&& f) {
  constexpr index_t worth = 1 << 15;
  const index_t tasks =
      threads > 1 && cost > 0 && rows > worth / cost ? std::min<index_t>(rows, 4 * index_t{threads}) : 1;
  parallel_for(threads, tasks, [&](index_t task, int) {
    const Range part = share(rows, tasks, task);
    for (index_t i = part.begin; i < part.end; ++i) f(i);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
