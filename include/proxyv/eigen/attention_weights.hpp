// The weights of attention themselves, of a few queries: for ranking rows, where no values are summed.
#pragma once

#include <cmath>

#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/visibility.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// One query and query head over one key/value head: weights [keys] = softmax of the scores, 0 where hidden.
inline void weigh_keys(const CpuKernels& k, const float* q, float* weights, index_t query, index_t kv,
                       const HostAttention& args) {
  const index_t dim = args.heads.dim;
  float* row = weights;
  for (index_t s = 0; s < args.count(); ++s) {
    const HostSegment& g = args[s];
    const index_t n = g.keys.rows(), live = g.live.empty() ? n : index_t{g.live[0]};
    if (live > 0) {
      const auto* keys = reinterpret_cast<const std::byte*>(g.keys.row(0) + kv * dim);
      k.gemv_floats(q, dim, 1, dim, keys, g.keys.stride() * static_cast<index_t>(sizeof(float)), live, false,
                    row, n);
      const KeyBlock block(args, g, 0, live);
      const index_t limit = block.limit(query, 1);
      block.hide(query, row, limit);
      std::fill(row + limit, row + live, minus_infinity);
    }
    std::fill(row + live, row + n, minus_infinity);
    row += n;
  }
  const index_t n = args.keys();
  if (n == 0) return;
  if (row_max(weights, n) == minus_infinity && first_nan(weights, n) == weights + n) {
    std::fill_n(weights, n, 0.f);  // sees nothing
    return;
  }
  k.softmax_row(weights, weights, n, 1.f / std::sqrt(static_cast<float>(dim)), nullptr, EmptyRow::zero);
}

/// weights [queries * query heads, keys].
template <class DefinedIn>
void CpuOps<DefinedIn>::attention_weights(const CpuKernels& k, View<const float> q, const HostAttention& args,
                                          View<float> weights, Team threads) {
  const Heads& heads = args.heads;
  const index_t group = heads.query / heads.kv;
  each_row(threads, weights.rows(), args.keys() * heads.dim, [&](index_t i) {
    const index_t query = i / heads.query, head = i % heads.query;
    weigh_keys(k, q.row(query) + head * heads.dim, weights.row(i), query, head / group, args);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
