// Times of enqueued work, by CUDA events on the engine's stream.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "proxyv/proxyv.hpp"

#include "proxyv/cuda.hpp"

namespace cuda_bench {

using Milliseconds = std::vector<double>;

inline double median(Milliseconds times) {
  std::sort(times.begin(), times.end());
  const std::size_t half = times.size() / 2;
  return times.size() % 2 == 1 ? times[half] : 0.5 * (times[half - 1] + times[half]);
}

/// The library's event as one that keeps the time, recorded on any stream.
struct TimedEvent : proxyv::cuda::Event {
  TimedEvent() : Event(cudaEventDefault) {}

  void record(cudaStream_t stream) const { Event::record(proxyv::cuda::Stream(stream)); }
};

/// `count` calls, each begun on an idle stream that has rested for `idle`.
template <class Work>
Milliseconds timed(cudaStream_t stream, int count, std::chrono::milliseconds idle, Work&& work) {
  const TimedEvent begin, end;
  Milliseconds times;
  for (int i = 0; i < count; ++i) {
    proxyv::cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize", "bench");
    if (idle.count() > 0) std::this_thread::sleep_for(idle);
    begin.record(stream);
    work();
    end.record(stream);
    end.wait();
    times.push_back(end.since(begin));
  }
  return times;
}

/// The two ways of GPU_PEERS.md: calls one after the other, where large products run into the card's power
/// limit, and calls with 50 ms of idleness before each, where the clock stays higher.
template <class Work>
Milliseconds back_to_back(cudaStream_t stream, Work&& work) {
  timed(stream, 5, {}, work);
  return timed(stream, 30, {}, work);
}
template <class Work>
Milliseconds spaced(cudaStream_t stream, Work&& work) {
  return timed(stream, 8, std::chrono::milliseconds(50), work);
}

}  // namespace cuda_bench
