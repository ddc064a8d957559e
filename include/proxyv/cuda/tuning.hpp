// Choosing a plan by measuring: the candidates of a shape run on its real operands, the fastest median wins.
#pragma once

#include <algorithm>
#include <vector>

#include "proxyv/cuda/products.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// Times work on a stream with a cold L2 before each run. Allocates and waits: start-up.
class Stopwatch {
 public:
  static constexpr std::size_t flush_bytes = std::size_t{1} << 27;

  explicit Stopwatch(const Stream& stream) : stream_(&stream), flush_(device_buffer<std::byte>(static_cast<index_t>(flush_bytes))) {}

  /// Median milliseconds of `runs` after one that does not count.
  template <class Work>
  float median(int runs, Work&& work) {
    std::vector<float> times;
    for (int i = -1; i < runs; ++i) {
      check(cudaMemsetAsync(flush_.data(), i & 1, flush_bytes, stream_->get()), "cudaMemsetAsync", "tune");
      begin_.record(*stream_);
      work();
      end_.record(*stream_);
      end_.wait();
      if (i >= 0) times.push_back(end_.since(begin_));
    }
    std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
    return times[static_cast<std::size_t>(runs / 2)];
  }

 private:
  const Stream* stream_;
  Buffer<std::byte, DeviceSpace> flush_;
  Event begin_{cudaEventDefault}, end_{cudaEventDefault};
};

/// Measures cuBLASLt's candidates and, when there is one, this library's own kernel, and keeps the fastest as
/// the shape's plan. y's contents change; they are not read afterwards.  own(y) enqueues the own kernel.
template <class T, class Own>
void tune_product(Products& products, const ProductShape& shape, ProductOperands<T> at, bool has_own, Own&& own, const Stream& stream) {
  constexpr int most = 8, runs = 5;
  Stopwatch watch(stream);
  ProductPlan best;
  float best_ms = std::numeric_limits<float>::infinity();
  for (const auto& algorithm : products.candidates(shape, most)) {
    const float ms = watch.median(runs, [&] { products.run(shape, algorithm, at, stream.get()); });
    if (ms < best_ms) best = {ProductPlan::Path::blaslt, true, algorithm}, best_ms = ms;
  }
  if (has_own && watch.median(runs, own) <= best_ms) best.path = ProductPlan::Path::own;
  best.measured = true;
  products.plans()[shape] = best;
}

}  // namespace cuda
}  // namespace proxyv::inline v0
