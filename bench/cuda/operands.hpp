// What a benchmark of one op stands on: operands on the device, and many calls in one graph.
//
// With many calls in a graph no launch gap is counted; operands are rotated past the L2.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bench/cuda/prefill_bench.hpp"

namespace cuda_bench {

/// An engine, and device tensors made for it that live as long as it does.
class Bench {
 public:
  Bench() : be({.workspace_bytes = std::size_t{256} << 20}) {}

  pv::Out<Engine> tensor(index_t rows, index_t cols, float deviation = 1.f) {
    kept_.push_back(be.alloc<Element>(rows * cols));
    be.fill_uniform(kept_.back().data(), rows * cols, kept_.size(), deviation * 3.4641016f, 0.f);
    return kept_.back().matrix(rows, cols);
  }
  pv::WeightOf<Engine> weight(index_t rows, index_t cols) {
    return pv::WeightOf<Engine>(pv::In<Engine>(tensor(rows, cols, 0.02f)));
  }
  pv::Vec<Engine> gain(index_t n) { return {tensor(1, n).data(), n}; }
  pv::OutIds<Engine> numbers(const std::vector<std::int32_t>& host) {
    const auto n = static_cast<index_t>(host.size());
    ids_.push_back(be.alloc<std::int32_t>(n));
    be.upload(pv::Span<const std::int32_t>(host.data(), n), ids_.back().span());
    return ids_.back().span();
  }
  pv::Table<Engine> rotary(pv::Ids<Engine> positions, index_t head_dim) {
    tables_.push_back(be.alloc<float>(positions.size() * head_dim));
    be.rotary_table(positions, {head_dim, 10000.0}, tables_.back().matrix(positions.size(), head_dim));
    return tables_.back().matrix(positions.size(), head_dim);
  }

  Engine be;

 private:
  std::vector<pv::Buffer<Element, pv::DeviceSpace>> kept_;
  std::vector<pv::Buffer<std::int32_t, pv::DeviceSpace>> ids_;
  std::vector<pv::Buffer<float, pv::DeviceSpace>> tables_;
};

inline pv::OutIds<Engine> counting(Bench& b, index_t n, index_t first = 0) {
  std::vector<std::int32_t> host(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < host.size(); ++i)
    host[i] = static_cast<std::int32_t>(first) + static_cast<std::int32_t>(i);
  return b.numbers(host);
}

}  // namespace cuda_bench
