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

  explicit Stopwatch(const Stream& stream) : stream_(&stream), flush_(device_buffer<std::byte>(static_cast<index_t>(flush_bytes))) {
    check(cudaEventCreate(&begin_), "cudaEventCreate", "tune");
    check(cudaEventCreate(&end_), "cudaEventCreate", "tune");
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    if (begin_ != nullptr) static_cast<void>(cudaEventDestroy(begin_));
    if (end_ != nullptr) static_cast<void>(cudaEventDestroy(end_));
  }

  /// Median milliseconds of `runs` after one that does not count.
  template <class Work>
  float median(int runs, Work&& work) {
    std::vector<float> times;
    for (int i = -1; i < runs; ++i) {
      check(cudaMemsetAsync(flush_.data(), i & 1, flush_bytes, stream_->get()), "cudaMemsetAsync", "tune");
      check(cudaEventRecord(begin_, stream_->get()), "cudaEventRecord", "tune");
      work();
      check(cudaEventRecord(end_, stream_->get()), "cudaEventRecord", "tune");
      check(cudaEventSynchronize(end_), "cudaEventSynchronize", "tune");
      float ms = 0.f;
      check(cudaEventElapsedTime(&ms, begin_, end_), "cudaEventElapsedTime", "tune");
      if (i >= 0) times.push_back(ms);
    }
    std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
    return times[static_cast<std::size_t>(runs / 2)];
  }

 private:
  const Stream* stream_;
  Buffer<std::byte, DeviceSpace> flush_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
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
