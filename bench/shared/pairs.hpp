// Pairs of query and key that are visible. The counting engine scores attention dense, as the paper does; a
// share of the machine's peak must not count what a causal mask hides.
#pragma once

#include <algorithm>
#include <vector>

#include "proxyv/proxy/token_layout.hpp"

namespace bench_shared {

namespace pv = proxyv;
using pv::index_t;

/// Pairs of the two sets of positions in which the key is not after the query.
inline double causal_pairs(pv::Span<const std::int32_t> queries, pv::Span<const std::int32_t> keys) {
  std::vector<std::int32_t> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  double pairs = 0.0;
  for (const std::int32_t q : queries)
    pairs += static_cast<double>(std::upper_bound(sorted.begin(), sorted.end(), q) - sorted.begin());
  return pairs;
}

/// A layer's kind, as far as its attention goes.
enum class Attends {
  all_rows,    ///< plain: every row queries
  with_proxy,  ///< ProxyV: newlines and text over all rows, proxies over themselves and those
  rest_only,   ///< newlines and text query, vision rows do not
  masked,      ///< the study's mask: vision rows see newlines and text only
};

/// What one layer of a prefill of this prompt scores. `layout`: as a ProxyV model packs it where proxies
/// attend.
inline double visible_pairs(const pv::TokenLayout& layout, Attends kind) {
  const auto all = layout.positions();
  const auto vision = all.first(layout.vision()),
             rest = all.part(layout.vision(), layout.rows() - layout.vision());
  switch (kind) {
    case Attends::all_rows: return causal_pairs(all, all);
    case Attends::rest_only: return causal_pairs(rest, all);
    case Attends::masked: return causal_pairs(rest, all) + causal_pairs(vision, rest);
    case Attends::with_proxy: break;
  }
  const auto focus = layout.focus_positions();
  return causal_pairs(rest, all) + causal_pairs(focus.first(layout.proxies()), focus);
}

}  // namespace bench_shared
