// The suite any engine can be run against: every op it offers, on random odd shapes, beside the judge.
//
//   const auto report = proxyv::testing::run_suite<Mine>([] { return Mine({.workspace_bytes = 1 << 20}); });
//   if (!report.ok()) puts(report.text().c_str());
//
// Standard library only. Data goes in and out by upload and download, so engines with other element
// types or other memory are judged by the same code; ops an engine lacks are listed, not failed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxyv/backend/testing_data.hpp"
#include "proxyv/backend/testing_fused.hpp"
#include "proxyv/backend/testing_ranking.hpp"

namespace proxyv::inline v0 {
namespace testing {

struct Options {
  std::uint64_t seed = 1;
  int rounds = 12;  ///< random cases per op
  double products = 0.0;  ///< added to the bounds of gemm, swiglu and attention, for engines that round what they multiply
};

/// One comparison with the judge. `error` is the largest difference relative to the judge's largest
/// magnitude; infinite when something differs that must not (a NaN, memory outside the window, a token).
struct Case {
  std::string op, text;
  double error = 0.0, bound = 0.0;
  bool pass = false;
};

struct Report {
  std::vector<Case> cases;
  std::vector<std::string> absent;  ///< ops the engine does not offer

  bool ok() const {
    return std::all_of(cases.begin(), cases.end(), [](const Case& c) { return c.pass; });
  }
  /// One line per failed case and per absent op, then a count.
  std::string text() const {
    std::string out;
    std::size_t failed = 0;
    for (const Case& c : cases) {
      if (c.pass) continue;
      ++failed;
      out += "FAIL " + c.op + " " + c.text + ": error " + scientific(c.error) + ", bound " +
             scientific(c.bound) + "\n";
    }
    for (const std::string& op : absent) out += "absent " + op + "\n";
    return out + std::to_string(cases.size() - failed) + " of " + std::to_string(cases.size()) +
           " cases passed\n";
  }

 private:
  static std::string scientific(double x) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3g", x);
    return buffer;
  }
};

namespace detail {

template <class B>
class Suite {
 public:
  Suite(B& be, Options options)
      : be_(be),
        judge_(HostOptions{.workspace_bytes = 1 << 20}),
        random_(options.seed),
        rounds_(options.rounds),
        products_(options.products) {}

  Report run() {
    repeat([&] { storage(); });
    if constexpr (GemmOps<B>)
      repeat([&] {
        gemm();
        product();
      });
    else absent({"gemm", "product"});
    if constexpr (NormOps<B>) repeat([&] { norms(); });
    else absent({"rms_norm", "layer_norm"});
    if constexpr (RotaryOps<B>) repeat([&] { rotary(); });
    else absent({"rotary_table", "rotate"});
    if constexpr (AttentionOps<B>) repeat([&] { attention(); });
    else absent({"attention"});
    if constexpr (GateOps<B>) repeat([&] { swiglu(); });
    else absent({"swiglu"});
    if constexpr (ProxyOps<B>)
      repeat([&] {
        pooling();
        softmax();
      });
    else absent({"bilinear_pool", "upsample", "softmax_rows"});
    if constexpr (GatherOps<B>) repeat([&] { gathering(); });
    else absent({"embed", "gather"});
    if constexpr (SampleOps<B>) repeat([&] { sampling(); });
    else absent({"sample"});
    if constexpr (!RankOps<B>) absent({"attention_weights", "keep_top"});
    if constexpr (!MergeOps<B>) absent({"group_rest"});
    const auto added = [this](const char* op, std::string text, double error, double bound) { add(op, std::move(text), error, bound); };
    RankSuite<B, decltype(added)> ranking(be_, random_, added);
    repeat([&] { ranking.round(); });
    const auto judged = [this](const char* op, std::string text, Tensor<B>& y, double in_float) { judge(op, std::move(text), y, in_float); };
    FusedSuite<B, decltype(judged)> fused(be_, random_, judged);
    repeat([&] {
      if (round_ % 3 == 0) fused.round();
    });
    return std::move(report_);
  }

 private:
  using T = Elem<B>;
  using S = SpaceOf<B>;

  template <class F>
  void repeat(F f) {
    for (round_ = 0; round_ < rounds_; ++round_) f();
  }
  void absent(std::initializer_list<const char*> ops) {
    report_.absent.insert(report_.absent.end(), ops.begin(), ops.end());
  }

  void add(const char* op, std::string text, double error, double bound) {
    report_.cases.push_back({op, std::move(text), error, bound, error <= bound});
  }
  /// Floats of the engine's memory, whatever its elements are: other engines move them as 32-bit numbers.
  Host floats(const Buffer<float, S>& memory) {
    Host out(static_cast<std::size_t>(memory.size()));
    if constexpr (std::is_same_v<T, float>) {
      be_.download(In<B>(memory.data(), 1, memory.size()), View<float>(out.data(), 1, memory.size()));
      be_.sync();
    } else {
      std::vector<std::int32_t> bits(out.size());
      be_.download(Ids<B>(reinterpret_cast<const std::int32_t*>(memory.data()), memory.size()),
                   {bits.data(), memory.size()});
      be_.sync();
      if (!bits.empty()) std::memcpy(out.data(), bits.data(), bits.size() * sizeof(float));
    }
    return out;
  }
  /// Compares the engine's block with the judge's, gaps included.
  void judge(const char* op, std::string text, Tensor<B>& y, double in_float) {
    for (float& v : y.host) v = to_float(from_float<T>(v));
    const std::string_view name = op;
    const double more = name == "gemm" || name == "swiglu" || name == "attention" ? products_ : 0.0;
    add(op, std::move(text), relative_error(y.host, y.received()), bound_for<T>(in_float) + more);
  }
  /// The call must throw E.
  template <class E, class F>
  void refuses(const char* op, const char* what, F f) {
#if defined(__cpp_exceptions)
    double error = std::numeric_limits<double>::infinity();
    try {
      f();
    } catch (const E&) {
      error = 0.0;
    } catch (const Error&) {
    }
    add(op, what, error, 0.0);
#endif
  }
  static std::string shape(std::initializer_list<index_t> sizes) {
    std::string out;
    for (index_t n : sizes) out += (out.empty() ? "" : "x") + std::to_string(n);
    return out;
  }
  DType dtype() { return random_.pick({DType::f32, DType::f16, DType::bf16}); }

  void storage() {
    Tensor<B> a(be_, random_, random_.size(), random_.size()), b(be_, random_, a.rows, a.cols);
    be_.copy(a.view(), b.view());
    judge_.copy(a.twin(), b.twin());
    judge("copy", shape({a.rows, a.cols}), b, 0.0);
    const std::size_t before = be_.workspace_available();
    {
      auto frame = be_.frame();
      frame.matrix(3, 5);
    }
    add("frame", "released", be_.workspace_available() == before ? 0.0 : 1.0, 0.0);
  }

  void gemm() {
    const bool deep = round_ % 4 == 3, tall = round_ % 6 == 5;
    const index_t m = tall ? 251 : random_.size(), k = deep ? 1037 : random_.size(),
                  n = deep ? random_.pick<index_t>({1, 9, 70}) : random_.size();
    const DType type = dtype();
    Tensor<B> x(be_, random_, m, k), bias(be_, random_, 1, n), y(be_, random_, m, n);
    Matrix<B> w(be_, random_, n, k, type);
    Epilogue<float, HostSpace> e;
    EpilogueOf<B> f;
    e.act = f.act = static_cast<Act>(round_ % 4);
    e.beta = f.beta = random_.coin() ? 1.f : 0.f;
    const bool biased = random_.coin();
    if (biased) e.bias = {bias.twin().data(), n}, f.bias = {bias.view().data(), n};
    if (e.beta == 0.f) y.fill(not_a_number);
    be_.gemm(x.view(), w.weight, y.view(), f);
    judge_.gemm(x.twin(), w.twin, y.twin(), e);
    judge("gemm",
          shape({m, k, n}) + " " + std::string(dtype_name(type)) + " act " + std::to_string(round_ % 4) +
              (biased ? " bias" : "") + (e.beta != 0.f ? " beta" : ""),
          y, 3e-6);
    if (round_ == 0)
      refuses<ShapeError>("gemm", "refuses a short y", [&] {
        be_.gemm(x.view(), w.weight, Out<B>(y.view().data(), m, n + 1, n + 1), {});
      });
  }

  void product() {
    const index_t m = random_.size(), k = round_ % 5 == 4 ? 700 : random_.size(), n = random_.size();
    const float beta = random_.coin() ? 1.f : 0.f;
    Tensor<B> x(be_, random_, m, k), z(be_, random_, k, n), y(be_, random_, m, n);
    if (beta == 0.f) y.fill(not_a_number);
    be_.product(x.view(), z.view(), y.view(), beta);
    judge_.product(x.twin(), z.twin(), y.twin(), beta);
    judge("product", shape({m, k, n}), y, 3e-6);
  }

  void norms() {
    const index_t m = random_.size(), n = round_ % 4 == 3 ? 1031 : random_.some();
    const bool inside = random_.coin();
    Tensor<B> gain(be_, random_, 1, n), bias(be_, random_, 1, n), x(be_, random_, m, n, 3.f),
        y(be_, random_, m, n);
    Tensor<B>& to = inside ? x : y;
    const Span<const float> g(gain.twin().data(), n), b(bias.twin().data(), n);
    const Vec<B> eg(gain.view().data(), n), eb(bias.view().data(), n);
    const std::string text = shape({m, n}) + (inside ? " in place" : "");
    be_.rms_norm(x.view(), eg, to.view(), 1e-5f);
    judge_.rms_norm(x.twin(), g, to.twin(), 1e-5f);
    judge("rms_norm", text, to, 2e-6);
    Tensor<B> u(be_, random_, m, n, 3.f);
    Tensor<B>& into = inside ? u : y;
    be_.layer_norm(u.view(), eg, eb, into.view(), 1e-5f);
    judge_.layer_norm(u.twin(), g, b, into.twin(), 1e-5f);
    judge("layer_norm", text, into, 4e-6);
    if (round_ == 0)
      refuses<ShapeError>("rms_norm", "refuses a long gain", [&] {
        be_.rms_norm(x.view(), Vec<B>(gain.view().data(), n + 1), to.view(), 1e-5f);
      });
  }

  void rotary() {
    const index_t n = random_.size(), heads = 1 + random_.below(4),
                  dim = 2 * random_.pick<index_t>({1, 2, 3, 8, 16, 17, 32, 40, 64});
    std::vector<std::int32_t> positions(static_cast<std::size_t>(n));
    for (auto& p : positions) p = static_cast<std::int32_t>(random_.below(5000));
    const IdMemory<B> ids(be_, positions);
    auto memory = be_.template alloc<float>(n * dim);
    const Table<B> table(memory.data(), n, dim);
    Host twin(static_cast<std::size_t>(n * dim));
    Rotary rotary{dim, random_.coin() ? 10000.0 : 1e6};
    if (random_.coin()) {
      rotary.scaling.pairs = dim / 2;
      rotary.scaling.amplitude = 1.0 + 0.1 * static_cast<double>(random_.below(5));
      for (index_t i = 0; i < dim / 2; ++i) rotary.scaling.divisor[static_cast<std::size_t>(i)] = 1.0 + static_cast<double>(random_.below(40));
    }
    be_.rotary_table(Ids<B>(ids.data(), n), rotary, table);
    judge_.rotary_table({positions.data(), n}, rotary, {twin.data(), n, dim});
    add("rotary_table", shape({n, dim}) + (rotary.scaling.present() ? " scaled" : ""), relative_error(twin, floats(memory)), 2e-6);
    Tensor<B> x(be_, random_, n, heads * dim);
    be_.rotate(x.view(), table);
    judge_.rotate(x.twin(), {twin.data(), n, dim});
    judge("rotate", shape({n, heads, dim}), x, 2e-6);
    if (round_ == 0)
      refuses<ShapeError>("rotate", "refuses half a head",
                          [&] { be_.rotate(Out<B>(x.view().data(), n, dim + 1), table); });
  }

  void attention();
  void swiglu() {
    const index_t m = round_ % 6 == 5 ? 257 : random_.size(), k = round_ % 4 == 3 ? 600 : random_.size(),
                  n = random_.size();
    const DType type = dtype();
    Tensor<B> x(be_, random_, m, k), y(be_, random_, m, n);
    Matrix<B> gate(be_, random_, n, k, type), up(be_, random_, n, k, dtype());
    y.fill(not_a_number);
    be_.swiglu(x.view(), gate.weight, up.weight, y.view());
    judge_.swiglu(x.twin(), gate.twin, up.twin, y.twin());
    judge("swiglu", shape({m, k, n}) + " " + std::string(dtype_name(type)), y, 6e-6);
  }

  void pooling() {
    const index_t factor = 1 + random_.below(4), side = factor * random_.pick<index_t>({1, 2, 3, 5}),
                  n = random_.some();
    const Grid grid{random_.below(4), side, factor};
    Tensor<B> full(be_, random_, grid.full_rows(), n), pooled(be_, random_, grid.pooled_rows(), n);
    be_.bilinear_pool(full.view(), pooled.view(), grid);
    judge_.bilinear_pool(full.twin(), pooled.twin(), grid);
    const std::string text = shape({grid.crops, side, side, n}) + " by " + std::to_string(factor);
    judge("bilinear_pool", text, pooled, 1e-6);
    Tensor<B> small(be_, random_, grid.pooled_rows(), n), big(be_, random_, grid.full_rows(), n);
    be_.upsample(small.view(), big.view(), grid);
    judge_.upsample(small.twin(), big.twin(), grid);
    judge("upsample", text, big, 0.0);
    if (round_ == 0)
      refuses<ShapeError>("bilinear_pool", "refuses a factor that does not divide", [&] {
        be_.bilinear_pool(full.view(), pooled.view(), Grid{1, 5, 2});
      });
  }

  void softmax() {
    const index_t m = random_.size(), n = round_ % 4 == 3 ? 1031 : random_.size();
    const bool masked = random_.coin(), inside = random_.coin();
    const float scale = random_.pick({1.f, 0.125f, 30.f});
    Tensor<B> x(be_, random_, m, n, 5.f), y(be_, random_, m, n);
    std::vector<std::uint8_t> table(static_cast<std::size_t>(m * n));
    for (index_t i = 0; i < m; ++i) {
      const bool none = random_.below(3) == 0;
      for (index_t j = 0; j < n; ++j) {
        auto& see = table[static_cast<std::size_t>(i * n + j)];
        see = none || random_.coin() ? 0 : 1;
        if (masked && see == 0) x.at(i, j) = not_a_number;  // hidden entries must not matter
      }
    }
    x.send();
    const ByteMemory<B> bytes(be_, table);
    View<const std::uint8_t, S> seen;
    View<const std::uint8_t> twin;
    if (masked) seen = {bytes.data(), m, n}, twin = {table.data(), m, n};
    const EmptyRow empty = random_.coin() ? EmptyRow::zero : EmptyRow::uniform;
    Tensor<B>& to = inside ? x : y;
    be_.softmax_rows(x.view(), to.view(), scale, seen, empty);
    Host copy = x.host;  // the judge reads hidden entries after writing others
    judge_.softmax_rows({copy.data() + x.skip, m, n, x.stride}, to.twin(), scale, twin, empty);
    judge("softmax_rows", shape({m, n}) + (masked ? " masked" : "") + (inside ? " in place" : ""), to, 4e-6);
  }

  void gathering() {
    const index_t rows = random_.some(), n = random_.some(), m = random_.size();
    std::vector<std::int32_t> picked(static_cast<std::size_t>(m));
    for (auto& p : picked) p = static_cast<std::int32_t>(random_.below(rows));
    const IdMemory<B> ids(be_, picked);
    const DType type = dtype();
    Matrix<B> table(be_, random_, rows, n, type);
    Tensor<B> y(be_, random_, m, n), x(be_, random_, rows, n), z(be_, random_, m, n);
    be_.embed(table.weight, Ids<B>(ids.data(), m), y.view());
    judge_.embed(table.twin, {picked.data(), m}, y.twin());
    judge("embed", shape({rows, n, m}) + " " + std::string(dtype_name(type)), y,
          std::is_same_v<T, float> ? 0.0 : 1e-7);
    be_.gather(x.view(), Ids<B>(ids.data(), m), z.view());
    judge_.gather(x.twin(), {picked.data(), m}, z.twin());
    judge("gather", shape({rows, n, m}), z, 0.0);
  }

  void sampling() {
    const index_t vocab = random_.some();
    Tensor<B> logits(be_, random_, 1, vocab, 4.f);
    if (round_ % 5 == 4)
      logits.at(0, random_.below(vocab)) =
          random_.coin() ? not_a_number : std::numeric_limits<float>::infinity();
    if (round_ % 3 == 1) logits.fill(0.5f);  // ties
    logits.send();
    const Sampling how{round_ % 2 == 0 ? 0.f : 0.8f, random_.below(5), random_.coin() ? 1.f : 0.7f, 7};
    auto memory = be_.template alloc<std::int32_t>(1);
    std::int32_t wanted = -2, found = -3;
    be_.sample(logits.view(), how, static_cast<std::uint64_t>(round_), memory.span());
    judge_.sample(logits.twin(), how, static_cast<std::uint64_t>(round_), {&wanted, 1});
    be_.download(Ids<B>(memory.span()), {&found, 1});
    be_.sync();
    add("sample", "vocabulary " + std::to_string(vocab),
        wanted == found ? 0.0 : std::numeric_limits<double>::infinity(), 0.0);
  }

  B& be_;
  ReferenceBackend judge_;
  Random random_;
  int rounds_, round_ = 0;
  double products_ = 0.0;
  Report report_;
};

template <class B>
void Suite<B>::attention() {
  const bool large = round_ % 6 == 5;
  const index_t kv = 1 + random_.below(2), group = random_.pick<index_t>({1, 2, 3, 5});
  const index_t dim = large ? 24 : random_.pick<index_t>({1, 2, 5, 16, 20, 33, 64, 80, 128});
  const index_t queries = large ? 61 : random_.pick<index_t>({0, 1, 2, 7, 13, 29});
  const Heads heads{kv * group, kv, dim};
  std::vector<std::int32_t> positions;
  for (index_t i = 0; i < queries; ++i)
    positions.push_back(static_cast<std::int32_t>(random_.below(110)) - 5);
  const IdMemory<B> ids(be_, positions);
  const EmptyRow empty = random_.coin() ? EmptyRow::zero : EmptyRow::uniform;
  AttentionArgs<float, HostSpace> args(heads, {positions.data(), queries}, empty);
  AttentionArgsOf<B> engine_args(heads, Ids<B>(ids.data(), queries), empty);

  std::string text = shape({queries, heads.query, kv, dim}) + " keys";
  std::vector<std::unique_ptr<Segment<B>>> segments;
  const index_t count = random_.below(4);
  for (index_t s = 0; s < std::max<index_t>(count, large ? 1 : 0); ++s) {
    const auto visible = static_cast<Visible>(random_.below(5));
    const index_t keys = visible == Visible::self  ? queries
                         : large && s == 0        ? 611
                                                  : random_.pick<index_t>({0, 1, 3, 17, 64, 100});
    segments.push_back(std::make_unique<Segment<B>>(be_, random_, queries, keys, heads, visible));
    if (empty == EmptyRow::zero) segments.back()->spoil(random_, positions);
    args.add(segments.back()->twin(queries));
    engine_args.add(segments.back()->segment(queries));
    text += " " + std::to_string(keys) + "actsn"[static_cast<int>(visible)];
  }
  Tensor<B> q(be_, random_, queries, heads.query_width(), 2.f), o(be_, random_, queries, heads.query_width());
  o.fill(not_a_number);
  be_.attention(q.view(), o.view(), engine_args);
  judge_.attention(q.twin(), o.twin(), args);
  judge("attention", text + (empty == EmptyRow::zero ? " zero" : " uniform"), o, 5e-6);
  if (round_ == 0)
    refuses<ShapeError>("attention", "refuses heads that do not fit", [&] {
      engine_args.heads.dim += 1;
      be_.attention(q.view(), o.view(), engine_args);
    });
}

}  // namespace detail

/// Runs the ops that B offers against ReferenceBackend. `make_engine()` returns a B with at least 1 MiB
/// of workspace; it is called once. Bounds are relative to the largest magnitude of the judge's result.
template <Storage B, class Make>
Report run_suite(Make&& make_engine, Options options = {}) {
  B be = make_engine();
  return detail::Suite<B>(be, options).run();
}

}  // namespace testing
}  // namespace proxyv::inline v0
