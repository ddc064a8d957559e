// Matrices in an engine's memory, from and to the host, for the CUDA tests.
#pragma once

#include <vector>

#include "backend/small.hpp"
#include "proxyv/backend/types.hpp"
#include "proxyv/core/buffer.hpp"

namespace gpu {

using namespace proxyv;

/// An owned matrix in the memory of an engine B.
template <class B>
struct Matrix {
  Matrix(B& be, const small::Matrix& host) : rows(host.rows), cols(host.cols), memory(be.template alloc<Elem<B>>(host.rows * host.cols)) { send(be, host); }
  Matrix(B& be, index_t r, index_t c, float fill = 0.f) : Matrix(be, small::Matrix(r, c, fill)) {}

  void send(B& be, const small::Matrix& host) { be.upload(host.view(), view()); }
  Out<B> view() const { return {memory.data(), rows, cols}; }
  operator Out<B>() const { return view(); }
  operator In<B>() const { return view(); }

  index_t rows, cols;
  Buffer<Elem<B>, SpaceOf<B>> memory;
};

/// The numbers of a matrix in the engine's memory.
template <class B>
std::vector<float> values(B& be, In<B> x) {
  small::Matrix host(x.rows(), x.cols());
  be.download(x, host.view());
  be.sync();
  return host.values;
}
template <class B>
std::vector<float> values(B& be, Out<B> x) {
  return values(be, In<B>(x));
}
template <class B>
std::vector<float> values(B& be, const Matrix<B>& x) {
  return values(be, In<B>(x.view()));
}

/// `count` numbers of 32 bits in the engine's memory, whatever its elements are.
template <class B>
std::vector<std::int32_t> ids(B& be, const void* data, index_t count) {
  std::vector<std::int32_t> host(static_cast<std::size_t>(count));
  be.download(Ids<B>(static_cast<const std::int32_t*>(data), count), Span<std::int32_t>(host.data(), count));
  be.sync();
  return host;
}

/// The numbers as an engine with elements T holds them.
template <class T>
std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) v = to_float(from_float<T>(v));
  return x;
}

}  // namespace gpu
