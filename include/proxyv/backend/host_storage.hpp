// Memory of engines that live on the host: buffers, workspace, and copies instead of transfers.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxyv/backend/arena.hpp"
#include "proxyv/backend/checks.hpp"
#include "proxyv/backend/host_pool.hpp"
#include "proxyv/backend/host_ranking.hpp"
#include "proxyv/core/buffer.hpp"

namespace proxyv::inline v0 {

/// What every host engine is made with.
struct HostOptions {
  int threads = 1;                    ///< used by ops that split their work
  std::size_t workspace_bytes = 0;    ///< allocated at construction, unless `memory` is given
  Span<std::byte> memory{};           ///< the caller's own workspace; must outlive the engine
  HostPool pool{};                    ///< the caller's own threads; none: the engine's way (OpenMP, or one thread)
};

/// The Storage part of an engine whose elements are floats in ordinary memory.
class HostStorage {
  static constexpr std::size_t max_workspace = std::size_t{1} << 62;

 public:
  using element = float;
  using space = HostSpace;

  explicit HostStorage(const HostOptions& options) : threads_(options.threads), pool_(options.pool) {
    PROXYV_CHECK(options.threads >= 1 && options.threads <= 1024, ArgumentError, "engine: threads ", options.threads,
                 ", wanted 1..1024");
    if (!options.memory.empty()) {
      PROXYV_CHECK(options.memory.data() != nullptr, ArgumentError, "engine: null memory of ", options.memory.size(), " bytes");
      arena_ = Arena(options.memory.data(), static_cast<std::size_t>(options.memory.size()));
    } else {
      PROXYV_CHECK(options.workspace_bytes <= max_workspace, ArgumentError, "engine: workspace_bytes ", options.workspace_bytes, ", wanted 0..",
                   max_workspace);
      const std::size_t bytes = Arena::block_bytes(options.workspace_bytes);
      block_ = host_buffer<std::byte>(static_cast<index_t>(bytes));
      arena_ = Arena(block_.data(), bytes);
    }
  }

  template <class T>
  Buffer<T> alloc(index_t n) {
    return host_buffer<T>(n);
  }
  Frame<float, HostSpace> frame() { return Frame<float, HostSpace>(arena_); }
  std::size_t workspace_available() const { return arena_.available(); }
  std::size_t workspace_peak() const { return arena_.peak(); }
  int threads() const { return threads_; }
  const HostPool& pool() const { return pool_; }

  void upload(View<const float> host, View<float> dst) { copy(host, dst); }
  void upload(View<const std::uint8_t> host, View<std::uint8_t> dst) {
    check::same_shape("upload", host, dst);
    for (index_t i = 0; i < host.rows(); ++i) std::copy_n(host.row(i), host.cols(), dst.row(i));
  }
  void upload(Span<const std::int32_t> host, Span<std::int32_t> dst) { copy_ids("upload", host, dst); }
  void download(View<const float> src, View<float> host) { copy(src, host); }
  void download(Span<const std::int32_t> src, Span<std::int32_t> host) { copy_ids("download", src, host); }
  void sync() {}

  void copy(View<const float> src, View<float> dst) {
    check::same_shape("copy", src, dst);
    for (index_t i = 0; i < src.rows(); ++i) std::copy_n(src.row(i), src.cols(), dst.row(i));
  }

  /// y[ids[i]] = x[i]. Ids are checked by the caller.
  void scatter(View<const float> x, Span<const std::int32_t> ids, View<float> y) {
    check::scatter(x, ids, y);
    for (index_t i = 0; i < x.rows(); ++i) std::copy_n(x.row(i), x.cols(), y.row(ids[i]));
  }
  /// Adds one to each number.
  void advance(Span<std::int32_t> counters) {
    for (std::int32_t& n : counters) ++n;
  }

  // Ranking and merging, but for attention_weights (RankOps, MergeOps).

  void copy(Span<const std::int32_t> src, Span<std::int32_t> dst) { copy_ids("copy", src, dst); }
  void sum_rows(View<const float> x, float scale, View<float> y) {
    check::sum_rows(x, y);
    for (index_t j = 0; j < x.cols(); ++j) {
      double sum = 0.0;
      for (index_t i = 0; i < x.rows(); ++i) sum += double{x(i, j)};
      y(0, j) = static_cast<float>(sum * double{scale});
    }
  }
  void keep_top(View<const float> scores, index_t always, Span<std::int32_t> kept, index_t base) {
    check::keep_top(scores, always, kept);
    auto scratch = frame();
    ranking::keep_top(scores, always, scratch.span<std::int32_t>(scores.cols()), kept, base);
  }
  void pick(Span<const std::int32_t> x, Span<const std::int32_t> which, Span<std::int32_t> y) {
    check::same_count("pick", which, y);
    for (index_t i = 0; i < y.size(); ++i) y[i] = x[which[i]];
  }
  void renumber(Span<const std::int32_t> x, Span<std::int32_t> y) {
    check::same_count("renumber", x, y);
    auto scratch = frame();
    ranking::renumber(x, scratch.span<std::int32_t>(x.size()), y);
  }
  void hide_others(Span<const std::int32_t> x, Span<const std::int32_t> kept, Span<std::int32_t> y) {
    check::same_count("hide_others", x, y);
    std::fill(y.begin(), y.end(), std::numeric_limits<std::int32_t>::max());
    for (const std::int32_t i : kept) y[i] = x[i];
  }
  void head_mean(View<const float> x, index_t heads, View<float> y) {
    check::head_mean(x, heads, y);
    for (index_t i = 0; i < y.rows(); ++i) {
      for (index_t j = 0; j < y.cols(); ++j) {
        double sum = 0.0;
        for (index_t h = 0; h < heads; ++h) sum += double{x(i, h * y.cols() + j)};
        y(i, j) = static_cast<float>(sum / static_cast<double>(heads));
      }
    }
  }
  void group_rest(View<const float> metric, Span<const std::int32_t> kept, Span<std::int32_t> targets, Span<std::int32_t> merged,
                  Span<std::int32_t> to) {
    check::group_rest(metric, kept, targets, merged, to);
    ranking::split_rest(kept, targets, merged);
    ranking::nearest(metric, targets, merged, to);
  }
  void add_group_means(View<const float> x, Span<const std::int32_t> targets, Span<const std::int32_t> merged, Span<const std::int32_t> to,
                       View<float> y) {
    check::add_group_means(x, targets, merged, to, y);
    ranking::add_group_means(x, targets, merged, to, y);
  }

 private:
  static void copy_ids(const char* what, Span<const std::int32_t> src, Span<std::int32_t> dst) {
    PROXYV_CHECK(src.size() == dst.size(), ShapeError, what, ": ", src.size(), " ids into ", dst.size());
    std::copy(src.begin(), src.end(), dst.begin());
  }

  Buffer<std::byte> block_;
  Arena arena_;
  int threads_;
  HostPool pool_;
};

}  // namespace proxyv::inline v0
