// Where the time goes: an engine that times each op by events, and a table of the sums.
//
// What runs in one launch (a group) is one line. Overlap is off, so that a time is the op's own; an event
// costs about a microsecond, so short ops look longer than they are in a graph.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/cuda/timing.hpp"

namespace cuda_bench {

/// An engine of type B whose ops are timed. Measures are kept by name and shape.
template <class B>
class ProfilingBackend : public B {
  using In = proxyv::In<B>;
  using Out = proxyv::Out<B>;
  using Weight = proxyv::WeightOf<B>;
  using Epilogue = proxyv::EpilogueOf<B>;
  using Norm = proxyv::Norm<B>;
  using Heads = proxyv::HeadsProjection<B>;
  using index_t = proxyv::index_t;

 public:
  struct Line {
    int count = 0;
    double ms = 0.0, flops = 0.0, bytes = 0.0;
  };
  using Table = std::map<std::string, Line>;

  explicit ProfilingBackend(const proxyv::CudaOptions& options) : B(options) {}

  /// Runs work() and gives what its ops took. The stream waits until most of it is enqueued, so that no time
  /// of the host is counted.
  template <class Work>
  Table profile(Work&& work) {
    open_.clear();
    on_ = true;
    this->sync();
    const auto wait = [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(40)); };
    proxyv::cuda::check(cudaLaunchHostFunc(this->stream(), wait, nullptr), "cudaLaunchHostFunc", "bench");
    work();
    this->sync();
    on_ = false;
    Table table;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      Line& line = table[open_[i].name];
      ++line.count;
      line.ms += events_[2 * i + 1].since(events_[2 * i]);
      line.flops += open_[i].flops;
      line.bytes += open_[i].bytes;
    }
    return table;
  }

  void gemm(In x, Weight w, Out y, Epilogue e) {
    op(product_name(e.beta != 0.f ? "gemm+=" : "gemm", x, w.rows()), flops(x, w.rows()), size(w),
       [&] { B::gemm(x, w, y, e); });
  }
  void swiglu(In x, Weight gate, Weight up, Out y) {
    op(product_name("swiglu", x, 2 * gate.rows()), flops(x, 2 * gate.rows()), 2 * size(gate),
       [&] { B::swiglu(x, gate, up, y); });
  }
  void project_heads(In x, const Heads& p) {
    const index_t n = p.q.rows() + p.k.rows() + p.v.rows();
    op(product_name("heads", x, n), flops(x, n), size(p.q) + size(p.k) + size(p.v),
       [&] { B::project_heads(x, p); });
  }
  void norm_gemm(In x, const Norm& norm, Out normed, Weight w, Out y, const Epilogue& e) {
    if (apart(x)) return rms_norm(x, norm.gain, normed, norm.eps), gemm(normed, w, y, e);
    op(product_name("norm_gemm", x, w.rows()), flops(x, w.rows()), size(w),
       [&] { B::norm_gemm(x, norm, normed, w, y, e); });
  }
  void norm_swiglu(In x, const Norm& norm, Out normed, Weight gate, Weight up, Out y) {
    if (apart(x)) return rms_norm(x, norm.gain, normed, norm.eps), swiglu(normed, gate, up, y);
    op(product_name("norm_swiglu", x, 2 * gate.rows()), flops(x, 2 * gate.rows()), 2 * size(gate),
       [&] { B::norm_swiglu(x, norm, normed, gate, up, y); });
  }
  void norm_heads(In x, const Norm& norm, Out normed, const Heads& p) {
    if (apart(x)) return rms_norm(x, norm.gain, normed, norm.eps), project_heads(normed, p);
    const index_t n = p.q.rows() + p.k.rows() + p.v.rows();
    op(product_name("norm_heads", x, n), flops(x, n), size(p.q) + size(p.k) + size(p.v),
       [&] { B::norm_heads(x, norm, normed, p); });
  }
  void attention(In q, Out o, const proxyv::AttentionArgsOf<B>& args) {
    const double pairs = static_cast<double>(q.rows()) * static_cast<double>(args.keys());
    op("attention " + std::to_string(q.rows()) + "x" + std::to_string(args.keys()),
       4.0 * pairs * static_cast<double>(args.heads.query_width()), 0.0, [&] { B::attention(q, o, args); });
  }
  void rms_norm(In x, proxyv::Vec<B> gain, Out y, float eps) {
    plain("rms_norm", x, 2, [&] { B::rms_norm(x, gain, y, eps); });
  }
  void rms_norm_twice(Out x, const Norm& first, const Norm& second, Out y) {
    plain("rms_norm_twice", x, 3, [&] { B::rms_norm_twice(x, first, second, y); });
  }
  void silu_add_upsampled(In context, Out mixed, const proxyv::Grid& grid) {
    plain("silu_add_upsampled", mixed, 2, [&] { B::silu_add_upsampled(context, mixed, grid); });
  }
  void bilinear_pool(In x, Out y, const proxyv::Grid& grid) {
    plain("bilinear_pool", x, 1, [&] { B::bilinear_pool(x, y, grid); });
  }
  void upsample(In x, Out y, const proxyv::Grid& grid) {
    plain("upsample", y, 1, [&] { B::upsample(x, y, grid); });
  }
  void rotary_table(proxyv::Ids<B> positions, const proxyv::Rotary& rotary, proxyv::Table<B> table) {
    op("rotary_table", 0.0, 0.0, [&] { B::rotary_table(positions, rotary, table); });
  }
  void copy(In src, Out dst) {
    plain("copy", src, 2, [&] { B::copy(src, dst); });
  }
  void embed(Weight table, proxyv::Ids<B> ids, Out y) {
    plain("embed", y, 2, [&] { B::embed(table, ids, y); });
  }
  template <class Step>
  void sample(In logits, const proxyv::Sampling& how, Step step, proxyv::OutIds<B> next) {
    plain("sample", logits, 1, [&] { B::sample(logits, how, step, next); });
  }
  void advance(proxyv::OutIds<B> counters) {
    op("advance", 0.0, 0.0, [&] { B::advance(counters); });
  }

  void begin_group() {
    B::begin_group();
    group_ = open("");
    grouped_ = true;
  }
  void end_group() {
    B::end_group();
    if (std::exchange(grouped_, false)) close(group_);
  }
  void cancel_group() noexcept {
    B::cancel_group();
    grouped_ = false;
  }

 private:
  struct Open {
    std::string name;
    double flops = 0.0, bytes = 0.0;
  };

  static bool apart(const In& x) { return x.rows() > proxyv::cuda::gemv_rows; }
  static std::string product_name(const char* name, const In& x, index_t n) {
    return std::string(name) + " " + std::to_string(x.rows()) + "x" + std::to_string(n) + "x" +
           std::to_string(x.cols());
  }
  static double flops(const In& x, index_t n) {
    return 2.0 * static_cast<double>(x.rows()) * static_cast<double>(x.cols()) * static_cast<double>(n);
  }
  static double size(const Weight& w) { return w.present() ? static_cast<double>(w.bytes()) : 0.0; }

  template <class View, class F>
  void plain(const char* name, const View& x, int passes, F&& f) {
    op(std::string(name) + " " + std::to_string(x.rows()) + "x" + std::to_string(x.cols()), 0.0,
       static_cast<double>(passes) * static_cast<double>(x.size()) * sizeof(proxyv::Elem<B>), f);
  }
  template <class F>
  void op(std::string name, double work, double moved, F&& f) {
    if (!on_) return f();
    if (grouped_) {
      Open& group = open_[group_];
      group.name += (group.name.empty() ? "{" : " | ") + name;
      group.flops += work;
      group.bytes += moved;
      return f();
    }
    const std::size_t at = open(std::move(name));
    open_[at].flops = work;
    open_[at].bytes = moved;
    f();
    close(at);
  }
  std::size_t open(std::string name) {
    if (!on_) return 0;
    open_.push_back({std::move(name)});
    while (events_.size() < 2 * open_.size()) events_.emplace_back();
    events_[2 * open_.size() - 2].record(this->stream());
    return open_.size() - 1;
  }
  void close(std::size_t at) {
    if (on_) events_[2 * at + 1].record(this->stream());
  }

  std::vector<Open> open_;
  std::vector<TimedEvent> events_;
  std::size_t group_ = 0;
  bool on_ = false, grouped_ = false;
};

/// Longest first; rates where an op counts them.
template <class Table>
void print_profile(const char* title, const Table& table) {
  double all = 0.0;
  std::vector<std::pair<std::string, typename Table::mapped_type>> lines(table.begin(), table.end());
  for (const auto& [name, line] : lines) all += line.ms;
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
  std::printf("%s: ops %.3f ms\n%6s %8s %8s %5s %5s  op MxNxK\n", title, all, "count", "ms", "us each",
              "TF/s", "TB/s");
  for (const auto& [name, line] : lines) {
    std::printf("%6d %8.3f %8.1f %5.0f %5.2f  %s\n", line.count, line.ms, 1e3 * line.ms / line.count,
                1e-9 * line.flops / line.ms, 1e-9 * line.bytes / line.ms, name.c_str());
  }
}

}  // namespace cuda_bench
