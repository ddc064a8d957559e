// CudaStorage: the memory of a CUDA engine. Stream, workspace, and the way in and out.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "proxyv/backend/arena.hpp"
#include "proxyv/backend/checks.hpp"
#include "proxyv/cuda/device.hpp"
#include "proxyv/cuda/graph.hpp"
#include "proxyv/cuda/launch.hpp"
#include "proxyv/cuda/range.hpp"

namespace proxyv::inline v0 {

/// What a CUDA engine is made with. It lives on the device that is current then.
struct CudaOptions {
  std::size_t workspace_bytes = 0;         ///< allocated at construction, unless `memory` is given
  Span<std::byte, DeviceSpace> memory{};   ///< the caller's own workspace; must outlive the engine
  std::optional<cudaStream_t> stream{};    ///< the caller's own stream; must outlive the engine. None: one is made
  bool overlap = true;                     ///< kernels may begin while the one before them ends (compute capability 9.0)
  bool hopper = true;                      ///< false: on a Hopper card too, only what every card since 8.0 can do
};

namespace cuda {

template <class T, class Space>
Rows<T> rows_of(const View<T, Space>& x) {
  return {x.data(), x.rows(), x.cols(), x.stride()};
}

/// The Storage part of a CUDA engine with elements T. Used by one thread at a time; ops enqueue on the stream.
template <class T>
class CudaStorage {
 public:
  using element = T;
  using space = DeviceSpace;

  /// Allocates the workspace and 32 MiB for transfers, half of it pinned host memory.
  /// Throws CudaError where there is no device or no memory, ArgumentError for null memory.
  explicit CudaStorage(const CudaOptions& options) : device_(current_device()), stream_(options.stream ? Stream(*options.stream) : Stream()) {
    if (!options.memory.empty()) {
      PROXYV_CHECK(options.memory.data() != nullptr, ArgumentError, "CudaBackend: null memory of ", options.memory.size(), " bytes");
      arena_ = Arena(options.memory.data(), static_cast<std::size_t>(options.memory.size()));
    } else {
      constexpr std::size_t most = std::size_t{1} << 62;
      PROXYV_CHECK(options.workspace_bytes <= most, ArgumentError, "CudaBackend: workspace_bytes ", options.workspace_bytes, ", wanted 0..", most);
      const std::size_t bytes = Arena::block_bytes(options.workspace_bytes);
      block_ = device_buffer<std::byte>(static_cast<index_t>(bytes));
      arena_ = Arena(block_.data(), bytes);
    }
    where_ = {stream_.get(), device_.multiprocessors, options.hopper ? device_.arch : std::min(device_.arch, 89), options.overlap};
    const char* sync = std::getenv("PROXYV_CUDA_SYNC");
    sync_each_ = sync != nullptr && std::strcmp(sync, "0") != 0 && sync[0] != '\0';
  }

  template <class U>
  Buffer<U, DeviceSpace> alloc(index_t n) {
    return device_buffer<U>(n);
  }
  Frame<T, DeviceSpace> frame() { return Frame<T, DeviceSpace>(arena_); }
  std::size_t workspace_available() const { return arena_.available(); }
  std::size_t workspace_peak() const { return arena_.peak(); }
  const Device& device() const { return device_; }
  cudaStream_t stream() const { return stream_.get(); }

  /// Host memory is the caller's again on return.
  void upload(View<const float> host, View<T, DeviceSpace> dst) {
    check::same_shape("upload", host, dst);
    for_each_piece(host.rows(), host.cols(), sizeof(float), [&](index_t row, index_t rows, index_t col, index_t cols) {
      staging_.send(
          stream_, static_cast<std::size_t>(rows * cols) * sizeof(float), [&](std::byte* to) { pack(host, row, rows, col, cols, to); },
          [&](const std::byte* from) {
            run(import_rows<T>(from, DType::f32, piece(dst, row, rows, col, cols), where_), "upload");
          });
    });
  }
  void upload(View<const std::uint8_t> host, View<std::uint8_t, DeviceSpace> dst) {
    check::same_shape("upload", host, dst);
    for_each_piece(host.rows(), host.cols(), 1, [&](index_t row, index_t rows, index_t col, index_t cols) {
      staging_.send(
          stream_, static_cast<std::size_t>(rows * cols), [&](std::byte* to) { pack(host, row, rows, col, cols, to); },
          [&](const std::byte* from) {
            check(cudaMemcpy2DAsync(dst.row(row) + col, static_cast<std::size_t>(dst.stride()), from, static_cast<std::size_t>(cols),
                                    static_cast<std::size_t>(cols), static_cast<std::size_t>(rows), cudaMemcpyDeviceToDevice, stream_.get()),
                  "cudaMemcpy2DAsync", "upload");
          });
    });
  }
  void upload(Span<const std::int32_t> host, Span<std::int32_t, DeviceSpace> dst) {
    PROXYV_CHECK(host.size() == dst.size(), ShapeError, "upload: ", host.size(), " ids into ", dst.size());
    upload_bytes(host.data(), static_cast<std::size_t>(host.size()) * sizeof(std::int32_t), dst.data());
  }
  /// Waits until the numbers are there.
  void download(View<const T, DeviceSpace> src, View<float> host) {
    check::same_shape("download", src, host);
    for_each_piece(src.rows(), src.cols(), sizeof(float), [&](index_t row, index_t rows, index_t col, index_t cols) {
      staging_.receive(
          stream_, static_cast<std::size_t>(rows * cols) * sizeof(float),
          [&](std::byte* to) { run(export_rows<T>(piece(src, row, rows, col, cols), reinterpret_cast<float*>(to), where_), "download"); },
          [&](const std::byte* from) {
            for (index_t i = 0; i < rows; ++i)
              std::memcpy(host.row(row + i) + col, from + static_cast<std::size_t>(i * cols) * sizeof(float), static_cast<std::size_t>(cols) * sizeof(float));
          });
    });
  }
  void download(Span<const std::int32_t, DeviceSpace> src, Span<std::int32_t> host) {
    PROXYV_CHECK(src.size() == host.size(), ShapeError, "download: ", src.size(), " ids into ", host.size());
    for_each_piece(1, src.size(), sizeof(std::int32_t), [&](index_t, index_t, index_t begin, index_t n) {
      const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(std::int32_t);
      staging_.receive(
          stream_, bytes,
          [&](std::byte* to) {
            check(cudaMemcpyAsync(to, src.data() + begin, bytes, cudaMemcpyDeviceToDevice, stream_.get()), "cudaMemcpyAsync", "download");
          },
          [&](const std::byte* from) { std::memcpy(host.data() + begin, from, bytes); });
    });
  }
  /// Waits for everything that was enqueued. Faults of kernels show here at the latest.
  void sync() { stream_.sync(); }

  void copy(View<const T, DeviceSpace> src, View<T, DeviceSpace> dst) {
    check::same_shape("copy", src, dst);
    run(copy_rows<T>(rows_of(src), rows_of(dst), where_), "copy");
  }

  /// n numbers of `type`, in host memory at any address, into device memory as elements U.
  template <class U>
  void upload_weight(const void* host, DType type, index_t n, U* dst) {
    const auto size = static_cast<index_t>(dtype_size(type));
    const auto* bytes = static_cast<const std::byte*>(host);
    for_each_piece(1, n, dtype_size(type), [&](index_t, index_t, index_t begin, index_t count) {
      const std::size_t length = static_cast<std::size_t>(count * size);
      staging_.send(
          stream_, length, [&](std::byte* to) { std::memcpy(to, bytes + begin * size, length); },
          [&](const std::byte* from) { run(import_rows<U>(from, type, Rows<U>{dst + begin, 1, count, count}, where_), "upload_weight"); });
    });
  }
  /// The numbers that host code draws: dst[i] = centre + width * (uniform(key, i) - 0.5).
  template <class U>
  void fill_uniform(U* dst, index_t n, std::uint64_t key, float width, float centre) {
    run(cuda::fill_uniform<U>(dst, n, key, width, centre, where_), "fill_uniform");
  }

  using graph = Graph;
  /// Records what work() enqueues; replay() runs it again, uploads included, on the same memory. The work must
  /// not download or wait. Allocates and may wait: start-up, or the first time a shape comes.
  template <class Work>
  Graph record(Work&& work) {
    return Graph::record(stream_, staging_, arena_.used(), std::forward<Work>(work));
  }
  /// Throws ArgumentError when scratch is alive that the recorded work would overwrite.
  void replay(const Graph& recorded) {
    PROXYV_CHECK(arena_.used() <= recorded.workspace_begin(), ArgumentError, "CUDA: replay with ", arena_.used(),
                 " bytes of workspace in use, recorded with ", recorded.workspace_begin());
    recorded.launch(stream_);
  }

 protected:
  /// Behind every launch.
  void run(cudaError_t status, const char* op) {
    check(status, op, "CudaBackend");
    if (sync_each_ && !staging_.recording()) check(cudaStreamSynchronize(stream_.get()), op, "CudaBackend (PROXYV_CUDA_SYNC)");
  }
  const Where& where() const { return where_; }
  const Stream& own_stream() const { return stream_; }
  bool recording() const { return staging_.recording(); }

 private:
  /// Cuts [rows, cols] into pieces that fit a chunk: whole rows, or parts of one.
  template <class F>
  static void for_each_piece(index_t rows, index_t cols, std::size_t size, F f) {
    if (rows == 0 || cols == 0) return;
    const auto most = static_cast<index_t>(Staging::chunk_bytes / size);
    const index_t some_rows = std::max<index_t>(1, most / cols), some_cols = std::min(cols, most);
    for (index_t row = 0; row < rows; row += some_rows)
      for (index_t col = 0; col < cols; col += some_cols) f(row, std::min(some_rows, rows - row), col, std::min(some_cols, cols - col));
  }
  template <class U>
  static void pack(View<const U> from, index_t row, index_t rows, index_t col, index_t cols, std::byte* to) {
    const std::size_t bytes = static_cast<std::size_t>(cols) * sizeof(U);
    for (index_t i = 0; i < rows; ++i) std::memcpy(to + static_cast<std::size_t>(i) * bytes, from.row(row + i) + col, bytes);
  }
  template <class U>
  static Rows<U> piece(View<U, DeviceSpace> x, index_t row, index_t rows, index_t col, index_t cols) {
    return {x.row(row) + col, rows, cols, x.stride()};
  }
  void upload_bytes(const void* host, std::size_t bytes, void* dst) {
    for_each_piece(1, static_cast<index_t>(bytes), 1, [&](index_t, index_t, index_t begin, index_t n) {
      staging_.send(
          stream_, static_cast<std::size_t>(n), [&](std::byte* to) { std::memcpy(to, static_cast<const std::byte*>(host) + begin, static_cast<std::size_t>(n)); },
          [&](const std::byte* from) {
            check(cudaMemcpyAsync(static_cast<std::byte*>(dst) + begin, from, static_cast<std::size_t>(n), cudaMemcpyDeviceToDevice, stream_.get()),
                  "cudaMemcpyAsync", "upload");
          });
    });
  }

  Device device_;
  Stream stream_;
  Buffer<std::byte, DeviceSpace> block_;
  Arena arena_;
  Staging staging_;
  Where where_;
  bool sync_each_ = false;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
