// The CPU engine's heavy ops beside Eigen's own, in one run: products at prefill shapes, decoding with
// weights out of cache, and attention. Compare lines of one run; the machine's speed changes between runs.
//
//   ops_bench --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// Names: op/SHAPE/WHO/THREADS. SHAPE of a product is rows x depth x columns. GFLOPs counts useful work
// (for causal attention the visible pairs), GBs the bytes of the weights.
#include "proxyv/eigen.hpp"  // before Eigen: it silences a mistaken warning of GCC 12 about its intrinsics

#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace proxyv;
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Window = Eigen::Map<const Rows, 0, Eigen::OuterStride<>>;
using OutWindow = Eigen::Map<Rows, 0, Eigen::OuterStride<>>;

struct Shape {
  index_t rows, depth, cols;
  std::string text() const {
    return std::to_string(rows) + "x" + std::to_string(depth) + "x" + std::to_string(cols);
  }
  double flops() const { return 2.0 * static_cast<double>(rows * depth * cols); }
};

/// Numbers in [-0.5, 0.5), cheap to make.
std::vector<float> noise(index_t n) {
  std::vector<float> out(static_cast<std::size_t>(n));
  std::uint32_t state = 1;
  for (float& v : out)
    v = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
  return out;
}
std::vector<bf16> narrowed(const std::vector<float>& from) {
  std::vector<bf16> out;
  out.reserve(from.size());
  for (float v : from) out.push_back(to_bf16(v));
  return out;
}

EigenBackend engine(int threads) {
  HostOptions options;
  options.threads = threads;
  Eigen::setNbThreads(threads);
  return EigenBackend(options);
}

void rate(benchmark::State& state, const char* name, double amount) {
  state.counters[name] = benchmark::Counter(amount * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

enum class Who { eigen, f32, bf16 };

void product(benchmark::State& state, const Shape& s, Who who, int threads) {
  auto be = engine(threads);
  const std::vector<float> x = noise(s.rows * s.depth), w = noise(s.cols * s.depth);
  const std::vector<bf16> half = who == Who::bf16 ? narrowed(w) : std::vector<bf16>();
  std::vector<float> y(static_cast<std::size_t>(s.rows * s.cols));
  const Weight<> weight = who == Who::bf16 ? Weight<>(half.data(), DType::bf16, s.cols, s.depth)
                                           : Weight<>(w.data(), DType::f32, s.cols, s.depth);
  const Eigen::Map<const Rows> a(x.data(), s.rows, s.depth), b(w.data(), s.cols, s.depth);
  Eigen::Map<Rows> c(y.data(), s.rows, s.cols);
  for (auto _ : state) {
    if (who == Who::eigen) c.noalias() = a * b.transpose();
    else be.gemm({x.data(), s.rows, s.depth}, weight, {y.data(), s.rows, s.cols}, {});
    benchmark::ClobberMemory();
  }
  rate(state, "GFLOPs", s.flops());
}

/// One row times enough different matrices that none is found in a cache.
void decode(benchmark::State& state, const Shape& s, Who who, int threads) {
  auto be = engine(threads);
  const index_t one = s.cols * s.depth, copies = std::max<index_t>(1, (index_t{256} << 20) / (4 * one));
  const std::vector<float> x = noise(s.depth), w = noise(copies * one);
  const std::vector<bf16> half = who == Who::bf16 ? narrowed(w) : std::vector<bf16>();
  std::vector<float> y(static_cast<std::size_t>(s.cols));
  const Eigen::Map<const Eigen::VectorXf> a(x.data(), s.depth);
  Eigen::Map<Eigen::VectorXf> c(y.data(), s.cols);
  index_t copy = 0;
  for (auto _ : state) {
    const index_t at = copy * one;
    copy = (copy + 1) % copies;
    if (who == Who::eigen) c.noalias() = Eigen::Map<const Rows>(w.data() + at, s.cols, s.depth) * a;
    else if (who == Who::f32)
      be.gemm({x.data(), 1, s.depth}, Weight<>(w.data() + at, DType::f32, s.cols, s.depth),
              {y.data(), 1, s.cols}, {});
    else
      be.gemm({x.data(), 1, s.depth}, Weight<>(half.data() + at, DType::bf16, s.cols, s.depth),
              {y.data(), 1, s.cols}, {});
    benchmark::ClobberMemory();
  }
  rate(state, "GBs", static_cast<double>(one) * (who == Who::bf16 ? 2.0 : 4.0));
}

struct Scene {
  index_t queries, keys;
  Heads heads;
  bool causal;

  std::string text() const {
    return std::to_string(queries) + "x" + std::to_string(keys) + "x" + std::to_string(heads.query) + "x" +
           std::to_string(heads.dim) + (causal ? "_causal" : "");
  }
  double flops() const {
    const auto q = static_cast<double>(queries), k = static_cast<double>(keys);
    const double pairs = causal ? q * (k - q) + q * (q + 1.0) / 2.0 : q * k;
    return 4.0 * pairs * static_cast<double>(heads.query * heads.dim);
  }
};

/// The textbook form on Eigen's products: all scores of a head in memory.
void textbook(const Scene& s, const float* q, const float* k, const float* v, float* o, Rows& scores) {
  const index_t dim = s.heads.dim;
  const float scale = 1.f / std::sqrt(static_cast<float>(dim));
  for (index_t h = 0; h < s.heads.query; ++h) {
    const index_t kv = h / (s.heads.query / s.heads.kv);
    const Window qh(q + h * dim, s.queries, dim, Eigen::OuterStride<>(s.heads.query_width())),
        kh(k + kv * dim, s.keys, dim, Eigen::OuterStride<>(s.heads.kv_width())),
        vh(v + kv * dim, s.keys, dim, Eigen::OuterStride<>(s.heads.kv_width()));
    scores.noalias() = qh * kh.transpose();
    for (index_t i = 0; i < s.queries; ++i) {
      const index_t n = s.causal ? s.keys - s.queries + i + 1 : s.keys;
      auto row = scores.row(i).head(n).array();
      const float top = row.maxCoeff() * scale;
      row = (row * scale - top).exp();
      row *= 1.f / row.sum();
      scores.row(i).tail(s.keys - n).setZero();
    }
    OutWindow(o + h * dim, s.queries, dim, Eigen::OuterStride<>(s.heads.query_width())).noalias() =
        scores * vh;
  }
}

void attention(benchmark::State& state, const Scene& s, Who who, int threads) {
  auto be = engine(threads);
  const std::vector<float> q = noise(s.queries * s.heads.query_width()),
                           k = noise(s.keys * s.heads.kv_width()), v = noise(s.keys * s.heads.kv_width());
  std::vector<float> o(q.size());
  std::vector<std::int32_t> positions(static_cast<std::size_t>(s.keys));
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int32_t>(i);
  AttentionArgs<float, HostSpace> args(s.heads, {positions.data() + (s.keys - s.queries), s.queries});
  args.add({{k.data(), s.keys, s.heads.kv_width()},
            {v.data(), s.keys, s.heads.kv_width()},
            s.causal ? Visible::causal : Visible::all,
            {positions.data(), s.keys},
            {}});
  Rows scores(who == Who::eigen ? s.queries : 0, s.keys);
  for (auto _ : state) {
    if (who == Who::eigen) textbook(s, q.data(), k.data(), v.data(), o.data(), scores);
    else
      be.attention({q.data(), s.queries, s.heads.query_width()}, {o.data(), s.queries, s.heads.query_width()},
                   args);
    benchmark::ClobberMemory();
  }
  rate(state, "GFLOPs", s.flops());
}

void swiglu(benchmark::State& state, const Shape& s, Who who, int threads) {
  auto be = engine(threads);
  const std::vector<float> x = noise(s.rows * s.depth), gate = noise(s.cols * s.depth),
                           up = noise(s.cols * s.depth);
  std::vector<float> y(static_cast<std::size_t>(s.rows * s.cols));
  const Eigen::Map<const Rows> a(x.data(), s.rows, s.depth), g(gate.data(), s.cols, s.depth),
      u(up.data(), s.cols, s.depth);
  Rows left, right;
  Eigen::Map<Rows> c(y.data(), s.rows, s.cols);
  for (auto _ : state) {
    if (who == Who::eigen) {
      left.noalias() = a * g.transpose();
      right.noalias() = a * u.transpose();
      c = left.array() / (1.f + (-left.array()).exp()) * right.array();
    } else {
      be.swiglu({x.data(), s.rows, s.depth}, Weight<>(gate.data(), DType::f32, s.cols, s.depth),
                Weight<>(up.data(), DType::f32, s.cols, s.depth), {y.data(), s.rows, s.cols});
    }
    benchmark::ClobberMemory();
  }
  rate(state, "GFLOPs", 2.0 * s.flops());
}

template <class F, class S>
void add(const char* op, const S& shape, std::initializer_list<Who> all, F run) {
  for (int threads : {1, 2}) {
    for (Who who : all) {
      const char* name = who == Who::eigen ? "eigen" : who == Who::f32 ? "f32" : "bf16";
      const std::string line =
          std::string(op) + "/" + shape.text() + "/" + name + "/" + std::to_string(threads);
      benchmark::RegisterBenchmark(line.c_str(),
                                   [=](benchmark::State& state) { run(state, shape, who, threads); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

const bool registered = [] {
  for (const Shape& s : {Shape{2935, 1024, 1024}, Shape{2935, 1024, 2816}, Shape{235, 1024, 2816},
                         Shape{2935, 4096, 4096}, Shape{235, 4096, 11008}})
    add("gemm", s, {Who::eigen, Who::f32, Who::bf16}, product);
  for (const Shape& s : {Shape{1, 4096, 11008}, Shape{1, 1024, 2816}})
    add("decode", s, {Who::eigen, Who::f32, Who::bf16}, decode);
  for (const Shape& s : {Shape{2935, 1024, 2816}, Shape{235, 1024, 2816}})
    add("swiglu", s, {Who::eigen, Who::f32}, swiglu);
  for (const Scene& s : {Scene{2935, 2935, {8, 8, 128}, true}, Scene{2935, 2935, {16, 16, 64}, true},
                         Scene{235, 3115, {8, 8, 128}, false}})
    add("attention", s, {Who::eigen, Who::f32}, attention);
  return true;
}();

}  // namespace
