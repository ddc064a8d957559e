// Attention for few queries, above all decoding one token: keys and values are streamed where they lie.
#pragma once

#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/weighted_sum.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr index_t attention_direct_rows =
    12;                                      ///< queries x heads of a group that are not worth packing for
inline constexpr index_t direct_keys = 256;  ///< keys scored at a time
inline constexpr index_t direct_heads = 64;  ///< query heads scored at a time

/// One query, up to direct_heads query heads over one key/value head.
inline void attend_query(const float* q, float* o, index_t query, index_t kv, index_t heads,
                         const HostAttention& args, const Scratch& scratch) {
  const CpuKernels& k = *scratch.kernels;
  const index_t dim = args.heads.dim;
  const float scale = log2e / std::sqrt(static_cast<float>(dim));
  float* scores = scratch.rows();  // [heads, direct_keys]
  OnlineRow rows[direct_heads];
  std::fill_n(o, heads * dim, 0.f);
  each_key_block(args, direct_keys, [&](const KeyBlock& block) {
    const index_t limit = block.limit(query, 1);
    if (limit == 0) return;
    const auto* keys = reinterpret_cast<const std::byte*>(block.keys() + kv * dim);
    k.gemv_floats(q, dim, heads, dim, keys, block.key_stride() * static_cast<index_t>(sizeof(float)), limit,
                  false, scores, direct_keys);
    for (index_t h = 0; h < heads; ++h) {
      float* row = scores + h * direct_keys;
      block.hide(query, row, limit);
      k.online_step(rows[h], row, limit, scale, o + h * dim, dim);
      k.add_weighted_rows(row, limit, block.values() + kv * dim, block.value_stride(), o + h * dim, dim);
    }
  });
  for (index_t h = 0; h < heads; ++h) finish_row(k, args, rows[h], kv * dim, o + h * dim);
}
static_assert(direct_heads * direct_keys <= Scratch::rows_floats);

inline void attention_direct(View<const float> q, View<float> o, const HostAttention& args,
                             const Scratch* scratch, Team threads) {
  const Heads& all = args.heads;
  const index_t group = all.query / all.kv, parts = (group + direct_heads - 1) / direct_heads;
  if (q.rows() * all.query * all.dim < serial_work / 16 / std::max<index_t>(args.keys(), 1)) threads = 1;
  parallel_for(threads, q.rows() * all.kv * parts, [&](index_t task, int thread) {
    const index_t query = task % q.rows(), kv = task / q.rows() % all.kv;
    const Range part = share(group, parts, task / (q.rows() * all.kv));
    const index_t column = (kv * group + part.begin) * all.dim;
    attend_query(q.row(query) + column, o.row(query) + column, query, kv, part.size(), args, scratch[thread]);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
