// Attention problems over several segments, for the packed and the direct form.
#pragma once

#include <limits>
#include <memory>

#include "eigen/eigen_support.hpp"

namespace eigen_test {

struct Problem {
  Heads heads;
  Block q;
  std::vector<std::unique_ptr<Block>> memory;
  std::vector<std::int32_t> query_positions, key_positions;
  std::vector<std::uint8_t> table;
  detail::HostAttention args;

  /// Three segments: `shown` keys that all see, `keys` by position, `keys` by table.
  Problem(index_t queries, index_t keys, const Heads& h, bool sorted, EmptyRow empty = EmptyRow::zero)
      : heads(h), q(queries, h.query_width(), 11), args(h, {}, empty) {
    for (index_t i = 0; i < queries; ++i)
      query_positions.push_back(static_cast<std::int32_t>(i * keys / queries));
    for (index_t k = 0; k < keys; ++k)
      key_positions.push_back(static_cast<std::int32_t>(sorted ? k : k * 7919 % keys));
    for (index_t i = 0; i < queries * keys; ++i) table.push_back(i % 5 == 0 ? 1 : 0);
    args.query_positions = {query_positions.data(), queries};
  }
  void add(index_t keys, Visible visible) {
    memory.push_back(std::make_unique<Block>(keys, heads.kv_width(), 21 + memory.size()));
    memory.push_back(std::make_unique<Block>(keys, heads.kv_width(), 31 + memory.size()));
    args.add({memory[memory.size() - 2]->in(), memory.back()->in(), visible, small::span_of(key_positions),
              View<const std::uint8_t>(table.data(), q.rows, static_cast<index_t>(key_positions.size()))});
  }
  Block wanted() {
    Block o(q.rows, heads.query_width(), 41);
    judge().attention(q.in(), o.view(), args);
    return o;
  }
  Block found(int threads) {
    auto be = engine(threads);
    return found(be);
  }
  Block found(EigenBackend& be) {
    Block o(q.rows, heads.query_width(), 41);
    for (index_t i = 0; i < o.rows; ++i)
      std::fill_n(o.view().row(i), o.cols, std::numeric_limits<float>::quiet_NaN());
    be.attention(q.in(), o.view(), args);
    return o;
  }
};

}  // namespace eigen_test
