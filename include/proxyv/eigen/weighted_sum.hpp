// Weighted sums of rows of values that may hold anything where the weight is 0.
#pragma once

#include "proxyv/eigen/kernel.hpp"
#include "proxyv/eigen/visibility.hpp"

namespace proxyv::inline v0 {
namespace detail {

#include "proxyv/eigen/level/narrow.inl"
#include "proxyv/eigen/level/weighted_sum.inl"
#include "proxyv/eigen/level/direct.inl"

/// Ends a query's row: divides by the sum of its weights, or gives what a row without keys is to have.
/// `head` is the first column of the key/value head.
inline void finish_row(const CpuKernels& k, const HostAttention& args, const OnlineRow& row, index_t head,
                       float* out) {
  const index_t dim = args.heads.dim;
  if (row.top != minus_infinity) return k.scale_row(out, dim, 1.f / row.sum);
  std::fill_n(out, dim, 0.f);
  if (args.empty_row != EmptyRow::uniform || args.keys() == 0) return;
  constexpr index_t step = 256;
  float weights[step];
  std::fill_n(weights, step, 1.f / static_cast<float>(args.keys()));
  each_key_block(args, step, [&](const KeyBlock& block) {
    k.add_weighted_rows(weights, block.size(), block.values() + head, block.value_stride(), out, dim);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
