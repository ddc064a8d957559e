// One product to be measured: its operands in the forms that libraries take, and the judge of its results.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "../../cpu/ceiling.hpp"
#include "proxyv/core/buffer.hpp"
#include "shapes.hpp"

namespace proxyv::bench {

/// Numbers in [-0.5, 0.5), cheap to make.
inline Buffer<float> noise(index_t n, std::uint32_t seed) {
  Buffer<float> out = host_buffer<float>(n);
  for (index_t i = 0; i < n; ++i)
    out.data()[i] = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
  return out;
}

inline Buffer<bf16> narrowed(const Buffer<float>& from) {
  Buffer<bf16> out = host_buffer<bf16>(from.size());
  for (index_t i = 0; i < from.size(); ++i) out.data()[i] = to_bf16(from.data()[i]);
  return out;
}

/// Operands of a product. Where weights are what takes the time, there are `copies` of them, used in turn,
/// more than a cache holds.
class Problem {
 public:
  Problem(const Shape& s, int thread_count)
      : shape(s),
        threads(thread_count),
        copies(s.decode() ? (cold_bytes - 1) / (s.cols * s.depth * index_t{sizeof(float)}) + 1 : 1),
        x(noise(s.rows * s.depth, 1)),
        w(noise(copies * s.cols * s.depth, 2)),
        x16(narrowed(x)),
        w16(narrowed(w)),
        y(host_buffer<float>(s.rows * s.cols)) {}

  const float* weights(index_t copy) const { return w.data() + copy * shape.cols * shape.depth; }
  const bf16* weights16(index_t copy) const { return w16.data() + copy * shape.cols * shape.depth; }

  /// So that what a method leaves out is found.
  void forget() const {
    for (index_t i = 0; i < y.size(); ++i) y.data()[i] = std::numeric_limits<float>::quiet_NaN();
  }

  /// Compares entries all over y, the corners among them, with sums in double of the operands as the method
  /// had them. Throws Error that names the first that is off.
  void check(const std::string& who, bool x_rounded, bool w_rounded, index_t copy) const {
    constexpr index_t samples = 9;
    const auto place = [](index_t i, index_t n) { return (n - 1) * i / (samples - 1); };
    for (index_t i = 0; i < samples; ++i)
      for (index_t j = 0; j < samples; ++j) {
        const index_t row = place(i, shape.rows), col = place(j, shape.cols);
        const float* w_row = weights(copy) + col * shape.depth;
        const bf16* w16_row = weights16(copy) + col * shape.depth;
        double sum = 0.0, size = 0.0;
        for (index_t k = 0; k < shape.depth; ++k) {
          const index_t at = row * shape.depth + k;
          const double a = x_rounded ? to_float(x16.data()[at]) : x.data()[at];
          const double b = w_rounded ? to_float(w16_row[k]) : w_row[k];
          sum += a * b;
          size += std::abs(a * b);
        }
        const double got = y.data()[row * shape.cols + col];
        PROXYV_CHECK(std::abs(got - sum) <= 2e-6 * size, ArgumentError, who, ", ", shape.text(), ": y[", row,
                     ",", col, "] is ", got, ", wanted ", sum);
      }
  }

  Shape shape;
  int threads;
  index_t copies;
  Buffer<float> x, w;
  Buffer<bf16> x16, w16;
  Buffer<float> y;

 private:
  static constexpr index_t cold_bytes = index_t{256} << 20;
};

/// One way to compute a problem.
struct Method {
  std::string name;  ///< "onednn matmul packed"
  Ceiling against = Ceiling::fma;
  bool x_rounded = false, w_rounded = false;  ///< what it takes in bf16
  std::string beside = "proxyv f32";          ///< our method that it is compared with; empty: none
  std::function<void(index_t copy)> run;      ///< y from weights of that copy
};

/// What a peer's own file defines.
std::string peer_library();
void add_peer_methods(const Problem& problem, std::vector<Method>& methods);

}  // namespace proxyv::bench
