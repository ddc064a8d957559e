// Staging: the way between ordinary host memory and the device, through a small ring of pinned chunks.
//
// What is sent is copied first, so host memory is the caller's again on return, and nothing waits unless the
// ring is full. While work is recorded, chunks are not reused: they go into the graph, which sends them again
// at every replay.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "proxyv/cuda/memory.hpp"
#include "proxyv/cuda/stream.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// A chunk of pinned host memory with its counterpart on the device.
struct Chunk {
  Buffer<std::byte> host;
  Buffer<std::byte, DeviceSpace> device;
  Event done;
  bool in_flight = false;

  explicit Chunk(std::size_t bytes) : host(pinned_buffer<std::byte>(static_cast<index_t>(bytes))), device(device_buffer<std::byte>(static_cast<index_t>(bytes))) {}
};

class Staging {
 public:
  static constexpr std::size_t chunk_bytes = std::size_t{1} << 22;
  static constexpr std::size_t chunks = 4;

  Staging() {
    for (std::size_t i = 0; i < chunks; ++i) ring_.emplace_back(chunk_bytes);
  }

  /// fill(std::byte* host) writes `bytes`, use(const std::byte* device) enqueues what reads them.
  template <class Fill, class Use>
  void send(const Stream& stream, std::size_t bytes, Fill&& fill, Use&& use) {
    Chunk& chunk = take(bytes);
    fill(chunk.host.data());
    check(cudaMemcpyAsync(chunk.device.data(), chunk.host.data(), bytes, cudaMemcpyHostToDevice, stream.get()), "cudaMemcpyAsync", "upload");
    use(static_cast<const std::byte*>(chunk.device.data()));
    give(chunk, stream);
  }

  /// make(std::byte* device) enqueues what writes `bytes`, read(const std::byte* host) gets them. Waits.
  template <class Make, class Read>
  void receive(const Stream& stream, std::size_t bytes, Make&& make, Read&& read) {
    PROXYV_CHECK(recorded_ == nullptr, ArgumentError, "CUDA: download while work is recorded");
    Chunk& chunk = take(bytes);
    make(chunk.device.data());
    check(cudaMemcpyAsync(chunk.host.data(), chunk.device.data(), bytes, cudaMemcpyDeviceToHost, stream.get()), "cudaMemcpyAsync", "download");
    give(chunk, stream);
    chunk.done.wait();
    read(static_cast<const std::byte*>(chunk.host.data()));
  }

  /// From here to record_end, chunks are new and go into `chunks`.
  void record_begin(std::vector<Chunk>& chunks_of_graph) { recorded_ = &chunks_of_graph; }
  void record_end() { recorded_ = nullptr; }
  bool recording() const { return recorded_ != nullptr; }

 private:
  Chunk& take(std::size_t bytes) {
    PROXYV_ASSERT(bytes <= chunk_bytes);
    if (recorded_ != nullptr) return recorded_->emplace_back(bytes);
    Chunk& chunk = ring_[next_];
    next_ = (next_ + 1) % chunks;
    if (chunk.in_flight) chunk.done.wait();
    return chunk;
  }
  void give(Chunk& chunk, const Stream& stream) {
    if (recorded_ != nullptr) return;
    chunk.done.record(stream);
    chunk.in_flight = true;
  }

  std::vector<Chunk> ring_;
  std::size_t next_ = 0;
  std::vector<Chunk>* recorded_ = nullptr;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
