// Ranking and merging rows in host memory: the algorithms behind RankOps and MergeOps of host engines.
//
// Everything is deterministic: of two equal scores the lower index wins, a score that is not a number loses
// against every other, and what is kept stands in ascending order.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {
namespace ranking {

/// The score as it is compared.
inline float comparable(float score) {
  return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score;
}

/// kept [k] = base + the first `always` indices and the best k - always of the others, ascending.
/// scores [1, n] in; order [n] scratch. Cost: O(n + k log k).
inline void keep_top(View<const float> scores, index_t always, Span<std::int32_t> order,
                     Span<std::int32_t> kept, index_t base) {
  const index_t n = scores.cols(), k = kept.size();
  for (index_t i = 0; i < n; ++i) order[i] = static_cast<std::int32_t>(i);
  const auto better = [&](std::int32_t a, std::int32_t b) {
    const float of_a = comparable(scores(0, a)), of_b = comparable(scores(0, b));
    return of_a > of_b || (of_a == of_b && a < b);
  };
  if (k > always && k < n) std::nth_element(order.begin() + always, order.begin() + k, order.end(), better);
  std::sort(order.begin(), order.begin() + k);
  for (index_t i = 0; i < k; ++i) kept[i] = static_cast<std::int32_t>(base + order[i]);
}

/// y[i] = how many numbers come before x[i] when x is sorted; equal numbers keep their order.
/// order [n] scratch. Cost: O(n log n).
inline void renumber(Span<const std::int32_t> x, Span<std::int32_t> order, Span<std::int32_t> y) {
  for (index_t i = 0; i < x.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(),
            [&](std::int32_t a, std::int32_t b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  for (index_t i = 0; i < x.size(); ++i) y[order[i]] = static_cast<std::int32_t>(i);
}

/// Splits the rows that are not kept, ascending, into every step-th, step = max(1, rows / targets), up to
/// targets.size() of them, and all others.
inline void split_rest(Span<const std::int32_t> kept, Span<std::int32_t> targets, Span<std::int32_t> merged) {
  const index_t c = targets.size(), rest = c + merged.size(),
                step = std::max<index_t>(1, rest / std::max<index_t>(c, 1));
  index_t next_kept = 0, target = 0, other = 0;
  for (index_t row = 0, i = 0; i < rest; ++row) {
    if (next_kept < kept.size() && kept[next_kept] == row) {
      ++next_kept;
      continue;
    }
    const bool is_target = i % step == 0 && target < c;
    (is_target ? targets[target++] : merged[other++]) = static_cast<std::int32_t>(row);
    ++i;
  }
}

/// to[i] = which target's metric row has the largest cosine with that of merged[i]; rows of zeros have cosine
/// 0. metric [n, width] in. Cost: O(merged * targets * width).
inline void nearest(View<const float> metric, Span<const std::int32_t> targets,
                    Span<const std::int32_t> merged, Span<std::int32_t> to) {
  const auto dot = [&](std::int32_t a, std::int32_t b) {
    double sum = 0.0;
    for (index_t j = 0; j < metric.cols(); ++j) sum += double{metric(a, j)} * double{metric(b, j)};
    return sum;
  };
  for (index_t i = 0; i < merged.size(); ++i) {
    double best = -std::numeric_limits<double>::infinity();
    to[i] = 0;
    for (index_t t = 0; t < targets.size(); ++t) {
      const double length = std::sqrt(dot(targets[t], targets[t]));
      const double cosine =
          length > 0.0 ? dot(merged[i], targets[t]) / length : 0.0;  // the other length is the same for all
      if (cosine > best) {
        best = cosine;
        to[i] = static_cast<std::int32_t>(t);
      }
    }
  }
}

/// y[t] = x[targets[t]] + the mean of x[merged[i]] over the i with to[i] == t; nothing is added where there
/// is none.
inline void add_group_means(View<const float> x, Span<const std::int32_t> targets,
                            Span<const std::int32_t> merged, Span<const std::int32_t> to, View<float> y) {
  for (index_t t = 0; t < y.rows(); ++t) {
    for (index_t j = 0; j < y.cols(); ++j) {
      double sum = 0.0, count = 0.0;
      for (index_t i = 0; i < merged.size(); ++i) {
        if (to[i] != t) continue;
        sum += double{x(merged[i], j)};
        count += 1.0;
      }
      y(t, j) = static_cast<float>(double{x(targets[t], j)} + (count > 0.0 ? sum / count : 0.0));
    }
  }
}

}  // namespace ranking
}  // namespace proxyv::inline v0
