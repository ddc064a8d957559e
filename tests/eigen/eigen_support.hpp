// Matrices with gaps between their rows, random numbers, and the two engines that tests here compare.
#pragma once

#include <cstring>
#include <vector>

#include "backend/small.hpp"
#include "proxyv/backend/packed.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/eigen/backend.hpp"
#include "proxyv/eigen/packet.hpp"

namespace eigen_test {

using namespace proxyv;
using small::deviation;

/// Random rows x cols numbers, rows `gap` elements apart, starting one float off any alignment.
struct Block {
  index_t rows, cols, stride;
  std::vector<float> memory;

  Block(index_t r, index_t c, std::uint64_t seed, index_t gap = 3)
      : rows(r), cols(c), stride(c + gap), memory(static_cast<std::size_t>(1 + r * (c + gap))) {
    for (std::size_t i = 0; i < memory.size(); ++i)
      memory[i] = static_cast<float>(2.0 * uniform(seed, i) - 1.0);
  }
  View<float> view() { return {memory.data() + 1, rows, cols, stride}; }
  View<const float> in() const { return {memory.data() + 1, rows, cols, stride}; }
};

/// A weight of any type at an odd address.
struct RawWeight {
  std::vector<std::byte> memory;
  Weight<> weight;

  RawWeight(index_t rows, index_t cols, DType type, std::uint64_t seed)
      : memory(static_cast<std::size_t>(rows * cols) * dtype_size(type) + 1),
        weight(memory.data() + 1, type, rows, cols) {
    for (index_t i = 0; i < rows * cols; ++i) {
      with_dtype(type, [&]<class T>(T) {
        const T value =
            from_float<T>(static_cast<float>(2.0 * uniform(seed, static_cast<std::uint64_t>(i)) - 1.0));
        std::memcpy(memory.data() + 1 + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof(T));
      });
    }
  }
};

/// The same weight packed, when the engine or the kernels of a level ask for panels of that many rows.
struct PackedWeight {
  Buffer<std::byte> memory;
  Weight<> weight;

  PackedWeight(EigenBackend& be, const Weight<>& w) {
    weight = packed_weight<EigenBackend>(be, w,
                                         [&](Buffer<std::byte> b) { return (memory = std::move(b)).data(); });
  }
};

inline EigenBackend engine(int threads = 1) {
  HostOptions options;
  options.threads = threads;
  options.workspace_bytes = 1 << 20;
  return EigenBackend(options);
}
inline ReferenceBackend judge() { return ReferenceBackend(HostOptions{}); }

/// One packet's lanes as a vector, and back.
inline std::vector<float> lanes_of(detail::Packet v) {
  std::vector<float> out(detail::lanes);
  detail::store(out.data(), v);
  return out;
}

}  // namespace eigen_test
