// Token embedding. Ids are checked here, on the host, once for every engine.
#pragma once

#include "proxyv/backend/concepts.hpp"

namespace proxyv::inline v0 {

/// Rows of a table [vocab, hidden], chosen by token id.
template <class B>
class Embedding {
 public:
  Embedding() = default;
  explicit Embedding(WeightOf<B> table) : table_(table) {}

  /// Throws ArgumentError naming the first id outside [0, vocab).
  void check(Span<const TokenId> ids) const {
    PROXYV_CHECK(ids.empty() || ids.data() != nullptr, ArgumentError, "embedding: null ids");
    for (index_t i = 0; i < ids.size(); ++i)
      PROXYV_CHECK(ids[i] >= 0 && ids[i] < table_.rows(), ArgumentError, "embedding: token ", i, " is ", ids[i], ", wanted 0..",
                   table_.rows() - 1);
  }

  /// y[i] = table[ids[i]]. ids [n] in engine memory, already checked; y [n, hidden] out.
  template <class E>
    requires GatherOps<E> && SameTensorsAs<E, B>
  void operator()(E& be, Ids<B> ids, Out<B> y) const {
    be.embed(table_, ids, y);
  }

  const WeightOf<B>& table() const { return table_; }

 private:
  WeightOf<B> table_;
};

}  // namespace proxyv::inline v0
