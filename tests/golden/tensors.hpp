// Tensor: activations in an engine's memory, with their way in and out, whichever engine it is.
#pragma once

#include <span>
#include <vector>

#include "proxyv/backend/concepts.hpp"

namespace golden {

using namespace proxyv;

/// An engine's options differ with where its memory lies.
template <class B>
B make_engine(int threads, std::size_t workspace_bytes = 0) {
  if constexpr (std::same_as<SpaceOf<B>, HostSpace>) {
    return B({.threads = threads, .workspace_bytes = workspace_bytes});
  } else {
    return B({.workspace_bytes = workspace_bytes});
  }
}

/// A host matrix.
inline View<const float> rows_of(std::span<const float> numbers, index_t rows, index_t cols) {
  return {numbers.data(), rows, cols};
}

/// A matrix of its own, made by an engine or by one that counts for it.
template <class B>
class Tensor {
 public:
  template <class E>
  Tensor(E& be, index_t rows, index_t cols)
      : memory_(be.template alloc<Elem<B>>(rows * cols)), rows_(rows), cols_(cols) {}
  /// From the host.
  template <class E>
  Tensor(E& be, View<const float> host) : Tensor(be, host.rows(), host.cols()) {
    be.upload(host, view());
  }

  Out<B> view() const { return memory_.matrix(rows_, cols_); }

 private:
  Buffer<Elem<B>, SpaceOf<B>> memory_;
  index_t rows_, cols_;
};

/// Token ids, positions.
template <class B, class E>
Buffer<std::int32_t, SpaceOf<B>> put_ids(E& be, Span<const std::int32_t> host) {
  auto memory = be.template alloc<std::int32_t>(host.size());
  be.upload(host, memory.span());
  return memory;
}

/// A mask.
template <class B, class E>
Buffer<std::uint8_t, SpaceOf<B>> put_flags(E& be, View<const std::uint8_t> host) {
  auto memory = be.template alloc<std::uint8_t>(host.size());
  be.upload(host, memory.matrix(host.rows(), host.cols()));
  return memory;
}

/// Back to the host, without gaps; waits for what was enqueued.
template <class B, class E>
std::vector<float> read(E& be, In<B> x) {
  std::vector<float> host(static_cast<std::size_t>(x.size()));
  if (!host.empty()) be.download(x, View<float>(host.data(), x.rows(), x.cols()));
  return host;
}

inline void append(std::vector<float>& to, const std::vector<float>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace golden
