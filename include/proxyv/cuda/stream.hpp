// The stream an engine enqueues on: the user's, or one of its own; and events on it.
#pragma once

#include <utility>

#include "proxyv/cuda/check.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// Move-only. Owns the stream only when it made it.
class Stream {
 public:
  /// A stream of its own that does not synchronise with the legacy default stream.
  Stream() : owned_(true) { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "Stream"); }
  /// The user's; must outlive this object.
  explicit Stream(cudaStream_t stream) noexcept : stream_(stream) {}
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)), owned_(std::exchange(other.owned_, false)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Stream() {
    if (!owned_) return;
    static_cast<void>(cudaStreamSynchronize(stream_));
    static_cast<void>(cudaStreamDestroy(stream_));
  }

  cudaStream_t get() const { return stream_; }
  void sync() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", "sync"); }
  bool capturing() const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(stream_, &status), "cudaStreamIsCapturing", "Stream");
    return status == cudaStreamCaptureStatusActive;
  }

 private:
  cudaStream_t stream_ = nullptr;
  bool owned_ = false;
};

/// A point in a stream that host code can wait for; one made with cudaEventDefault also keeps the time.
class Event {
 public:
  explicit Event(unsigned flags = cudaEventDisableTiming) { check(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags", "Event"); }
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  ~Event() {
    if (event_ != nullptr) static_cast<void>(cudaEventDestroy(event_));
  }

  void record(const Stream& stream) const { check(cudaEventRecord(event_, stream.get()), "cudaEventRecord", "Event"); }
  void wait() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize", "Event"); }
  /// Milliseconds from begin to here; both keep the time and are over.
  float since(const Event& begin) const {
    float ms = 0.f;
    check(cudaEventElapsedTime(&ms, begin.event_, event_), "cudaEventElapsedTime", "Event");
    return ms;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
