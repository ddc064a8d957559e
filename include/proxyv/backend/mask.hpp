// Who may look at whom, without a score-sized tensor.
//
// Keys come in segments. Within a segment visibility follows one rule; a query sees the union of
// what each segment shows it. ProxyV's "proxies do not see full tokens, text does not see proxies"
// is then simply which segments are passed for which queries.
#pragma once

#include <array>
#include <concepts>

#include "proxyv/backend/overlap.hpp"
#include "proxyv/backend/types.hpp"

namespace proxyv::inline v0 {

/// Head counts and size; query head h reads key/value head h / (query / kv).
struct Heads {
  index_t query = 0;
  index_t kv = 0;
  index_t dim = 0;

  index_t query_width() const { return query * dim; }
  index_t kv_width() const { return kv * dim; }
};

/// Which keys of a segment a query sees.
enum class Visible : std::uint8_t {
  all,
  causal,  ///< keys whose position is not after the query's; equal positions see each other
  table,   ///< an explicit byte per (query, key), 1 = visible; for teaching and odd masks
  self,    ///< query i sees key i and no other; as many keys as queries
  none,    ///< no query sees any; such keys only count in the mean of EmptyRow::uniform
};

/// Result of attention for a query that sees no key.
enum class EmptyRow : std::uint8_t {
  zero,
  uniform,  ///< the mean of all values, hidden ones too: what adding a huge negative number gives
};

/// A run of keys and values with one rule of visibility.
/// keys, values [n, kv_heads * head_dim]   keys are already rotated
/// positions [n]            for Visible::causal
/// table [queries, n]       for Visible::table
/// live [1]                 when given, only the first live[0] keys count, 0 <= live[0] <= n. The number lies in the
///                          engine's memory, so that one recorded step serves every length
/// settled                  only with live: the op enqueued just before wrote neither live nor any live key or value but
///                          the last, so an engine that overlaps ops may read the others while that op still runs
template <class T, class Space>
struct KeySegment {
  View<const T, Space> keys;
  View<const T, Space> values;
  Visible visible = Visible::all;
  Span<const std::int32_t, Space> positions{};
  View<const std::uint8_t, Space> table{};
  Span<const std::int32_t, Space> live{};
  bool settled = false;
};

/// Everything attention needs besides the queries. Scores are scaled by 1/sqrt(head_dim).
template <class T, class Space>
struct AttentionArgs {
  static constexpr index_t max_segments = 4;

  Heads heads;
  Span<const std::int32_t, Space> query_positions;  ///< [queries], needed when a segment is causal
  EmptyRow empty_row;

  explicit AttentionArgs(const Heads& head_counts, Span<const std::int32_t, Space> positions = {}, EmptyRow empty = EmptyRow::zero)
      : heads(head_counts), query_positions(positions), empty_row(empty) {}

  void add(const KeySegment<T, Space>& segment) {
    PROXYV_CHECK(count_ < max_segments, ShapeError, "attention: at most ", max_segments, " key segments");
    segments_[static_cast<std::size_t>(count_++)] = segment;
  }
  /// These arguments with each segment cut to its live keys: for engines in host memory, which can read the number.
  AttentionArgs only_live() const
    requires std::same_as<Space, HostSpace>
  {
    AttentionArgs cut = *this;
    for (index_t s = 0; s < count_; ++s) {
      KeySegment<T, Space>& g = cut.segments_[static_cast<std::size_t>(s)];
      if (g.live.empty()) continue;
      const index_t n = g.live[0];
      g.keys = g.keys.row_range(0, n);
      g.values = g.values.row_range(0, n);
      if (g.visible == Visible::causal) g.positions = g.positions.first(n);
      if (g.visible == Visible::table) g.table = g.table.col_range(0, n);
      g.live = {};
    }
    return cut;
  }
  index_t count() const { return count_; }
  const KeySegment<T, Space>& operator[](index_t i) const { return segments_[static_cast<std::size_t>(i)]; }

  index_t keys() const {
    index_t n = 0;
    for (index_t s = 0; s < count_; ++s) n += (*this)[s].keys.rows();
    return n;
  }

  /// Pairs of query and key that dense attention scores: hidden ones too, but of a segment whose rule leaves each
  /// query one key, or none, only those.
  double pairs(index_t queries) const {
    double n = 0.0;
    for (index_t s = 0; s < count_; ++s) {
      const KeySegment<T, Space>& g = (*this)[s];
      if (g.visible == Visible::none) continue;
      n += static_cast<double>(queries) * (g.visible == Visible::self ? 1.0 : static_cast<double>(g.keys.rows()));
    }
    return n;
  }

  /// Throws ShapeError when queries, output, heads and segments do not fit one another.
  void check(const View<const T, Space>& q, const View<T, Space>& o) const {
    check_queries(q);
    PROXYV_CHECK(o.rows() == q.rows() && o.cols() == q.cols(), ShapeError, "attention: output ",
                 shape_text(o.rows(), o.cols()), ", wanted ", shape_text(q.rows(), q.cols()));
    check::apart("attention", "the queries", q, o);
    for (index_t s = 0; s < count_; ++s) {
      check::apart("attention", "the keys", (*this)[s].keys, o);
      check::apart("attention", "the values", (*this)[s].values, o);
    }
  }
  /// The same without an output.
  void check_queries(const View<const T, Space>& q) const {
    PROXYV_CHECK(heads.query > 0 && heads.kv > 0 && heads.dim > 0 && heads.query % heads.kv == 0, ShapeError,
                 "attention: ", heads.query, " query heads over ", heads.kv, " key/value heads of ", heads.dim);
    PROXYV_CHECK(q.cols() == heads.query_width(), ShapeError, "attention: queries ", shape_text(q.rows(), q.cols()),
                 ", wanted ", heads.query_width(), " columns");
    for (index_t s = 0; s < count_; ++s) check_segment((*this)[s], q.rows());
  }

 private:
  void check_segment(const KeySegment<T, Space>& g, index_t queries) const {
    const index_t n = g.keys.rows();
    PROXYV_CHECK(g.keys.cols() == heads.kv_width() && g.values.cols() == heads.kv_width() && g.values.rows() == n,
                 ShapeError, "attention: keys ", shape_text(n, g.keys.cols()), " and values ",
                 shape_text(g.values.rows(), g.values.cols()), ", wanted ", heads.kv_width(), " columns and equal rows");
    PROXYV_CHECK(g.live.size() <= 1, ShapeError, "attention: ", g.live.size(), " numbers of live keys, wanted one or none");
    if (g.visible == Visible::causal) {
      PROXYV_CHECK(g.positions.size() == n, ShapeError, "attention: ", n, " keys with ", g.positions.size(), " positions");
      PROXYV_CHECK(query_positions.size() == queries, ShapeError, "attention: ", queries, " queries with ",
                   query_positions.size(), " positions");
    }
    PROXYV_CHECK(g.visible != Visible::self || n == queries, ShapeError, "attention: ", n, " keys of which each query sees its own, ",
                 queries, " queries");
    if (g.visible == Visible::table) {
      PROXYV_CHECK(g.table.rows() == queries && g.table.cols() == n, ShapeError, "attention: mask ",
                   shape_text(g.table.rows(), g.table.cols()), ", wanted ", shape_text(queries, n));
    }
  }

  std::array<KeySegment<T, Space>, max_segments> segments_{};
  index_t count_ = 0;
};

template <class B>
using AttentionArgsOf = AttentionArgs<Elem<B>, SpaceOf<B>>;
template <class B>
using KeySegmentOf = KeySegment<Elem<B>, SpaceOf<B>>;

}  // namespace proxyv::inline v0
