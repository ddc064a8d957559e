// Graph: recorded work, replayed with one launch.
#pragma once

#include <utility>
#include <vector>

#include "proxyv/cuda/staging.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// Made by CudaBackend::record. Owns the executable graph and the host data that its uploads send. All tensors
/// the recorded work touched must stay where they are. Move-only.
class Graph {
 public:
  Graph() = default;
  Graph(Graph&& other) noexcept { swap(other); }
  Graph& operator=(Graph&& other) noexcept {
    Graph(std::move(other)).swap(*this);
    return *this;
  }
  ~Graph() {
    if (executable_ != nullptr) static_cast<void>(cudaGraphExecDestroy(executable_));
  }

  bool empty() const { return executable_ == nullptr; }
  /// Kernels and copies in it.
  std::size_t nodes() const { return nodes_; }
  /// Bytes of workspace that were in use when it was recorded; replays need no more to be.
  std::size_t workspace_begin() const { return workspace_begin_; }

  void launch(const Stream& stream) const {
    PROXYV_CHECK(executable_ != nullptr, ArgumentError, "CUDA: replay of an empty graph");
    check(cudaGraphLaunch(executable_, stream.get()), "cudaGraphLaunch", "replay");
  }

  /// Records what work() enqueues on `stream`; nothing of it runs.
  template <class Work>
  static Graph record(const Stream& stream, Staging& staging, std::size_t workspace_begin, Work&& work) {
    PROXYV_CHECK(stream.get() != nullptr && stream.get() != cudaStreamLegacy && stream.get() != cudaStreamPerThread, ArgumentError,
                 "CUDA: the default streams cannot be recorded; give the engine a stream of your own, or none");
    PROXYV_CHECK(!staging.recording(), ArgumentError, "CUDA: record inside record");
    Graph made;
    made.workspace_begin_ = workspace_begin;
    Capture capture(stream, staging, made.chunks_);
    work();
    cudaGraph_t graph = capture.end();
    const cudaError_t counted = cudaGraphGetNodes(graph, nullptr, &made.nodes_);
    const cudaError_t status = counted == cudaSuccess ? cudaGraphInstantiate(&made.executable_, graph, 0) : counted;
    static_cast<void>(cudaGraphDestroy(graph));
    check(status, "cudaGraphInstantiate", "record");
    check(cudaGraphUpload(made.executable_, stream.get()), "cudaGraphUpload", "record");
    return made;
  }

 private:
  /// Ends the capture whatever happens.
  class Capture {
   public:
    Capture(const Stream& stream, Staging& staging, std::vector<Chunk>& chunks) : stream_(stream), staging_(staging) {
      check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture", "record");
      staging_.record_begin(chunks);
    }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    ~Capture() {
      if (!open_) return;
      staging_.record_end();
      cudaGraph_t graph = nullptr;
      static_cast<void>(cudaStreamEndCapture(stream_.get(), &graph));
      if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
      static_cast<void>(cudaGetLastError());
    }
    cudaGraph_t end() {
      open_ = false;
      staging_.record_end();
      cudaGraph_t graph = nullptr;
      check(cudaStreamEndCapture(stream_.get(), &graph), "cudaStreamEndCapture", "record");
      return graph;
    }

   private:
    const Stream& stream_;
    Staging& staging_;
    bool open_ = true;
  };

  void swap(Graph& other) noexcept {
    std::swap(executable_, other.executable_);
    std::swap(nodes_, other.nodes_);
    std::swap(workspace_begin_, other.workspace_begin_);
    chunks_.swap(other.chunks_);
  }

  cudaGraphExec_t executable_ = nullptr;
  std::size_t nodes_ = 0;
  std::size_t workspace_begin_ = 0;
  std::vector<Chunk> chunks_;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
