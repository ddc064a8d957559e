#include "proxyv/backend/testing.hpp"

#include <set>

#include "support/catch.hpp"

using namespace proxyv;

namespace {

HostOptions options() {
  HostOptions o;
  o.workspace_bytes = 1 << 20;
  return o;
}

/// The judge with bf16 elements: what an engine with coarse elements looks like to the suite.
class Coarse {
 public:
  using element = bf16;
  using space = HostSpace;

  Coarse() : judge_(options()), arena_(memory_.data(), memory_.size()) {}

  template <class T>
  Buffer<T> alloc(index_t n) {
    return host_buffer<T>(n);
  }
  Frame<bf16, HostSpace> frame() { return Frame<bf16, HostSpace>(arena_); }
  std::size_t workspace_available() const { return arena_.available(); }
  void upload(View<const float> host, View<bf16> dst) {
    for (index_t i = 0; i < dst.rows(); ++i)
      for (index_t j = 0; j < dst.cols(); ++j) dst(i, j) = to_bf16(host(i, j));
  }
  void upload(Span<const std::int32_t> ids, Span<std::int32_t> to) {
    std::copy(ids.begin(), ids.end(), to.begin());
  }
  void upload(View<const std::uint8_t> bytes, View<std::uint8_t> to) {
    for (index_t i = 0; i < to.rows(); ++i) std::copy_n(bytes.row(i), to.cols(), to.row(i));
  }
  void download(View<const bf16> src, View<float> back) {
    for (index_t i = 0; i < src.rows(); ++i)
      for (index_t j = 0; j < src.cols(); ++j) back(i, j) = to_float(src(i, j));
  }
  void download(Span<const std::int32_t> from, Span<std::int32_t> to) {
    std::copy(from.begin(), from.end(), to.begin());
  }
  void copy(View<const bf16> src, View<bf16> dst) {
    for (index_t i = 0; i < src.rows(); ++i) std::copy_n(src.row(i), src.cols(), dst.row(i));
  }
  void sync() {}

  void rms_norm(View<const bf16> x, Span<const bf16> gain, View<bf16> y, float eps) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    norm(x, y, [&](View<const float> a, View<float> b) {
      const auto g = widened({gain.data(), 1, gain.size()});
      judge_.rms_norm(a, {g.data(), gain.size()}, b, eps);
    });
  }
  void layer_norm(View<const bf16> x, Span<const bf16> gain, Span<const bf16> bias, View<bf16> y, float eps) {
    norm(x, y, [&](View<const float> a, View<float> b) {
      const auto g = widened({gain.data(), 1, gain.size()}), s = widened({bias.data(), 1, bias.size()});
      judge_.layer_norm(a, {g.data(), gain.size()}, {s.data(), bias.size()}, b, eps);
    });
  }

 private:
  static std::vector<float> widened(View<const bf16> x) {
    std::vector<float> out;
    for (index_t i = 0; i < x.rows(); ++i)
      for (index_t j = 0; j < x.cols(); ++j) out.push_back(to_float(x(i, j)));
    return out;
  }
  template <class F>
  void norm(View<const bf16> x, View<bf16> y, F f) {
    std::vector<float> a = widened(x), b = a;
    f({a.data(), x.rows(), x.cols()}, {b.data(), x.rows(), x.cols()});
    upload({b.data(), x.rows(), x.cols()}, y);
  }

  ReferenceBackend judge_;
  std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 16);
  Arena arena_;
};

}  // namespace

TEST_CASE("testing: engines with coarse elements are judged by their own bound") {
  const auto report = testing::run_suite<Coarse>([] { return Coarse(); });
  INFO(report.text());
  CHECK(report.ok());
  bool rounded = false;
  for (const auto& c : report.cases) {
    if (c.op == "copy") CHECK(c.bound == 0.0);
    if (c.op == "rms_norm" && c.bound > 0.0) CHECK(c.bound == Approx(2e-6 + 8.0 / 256));
    rounded = rounded || (c.op == "rms_norm" && c.error > 0.0);
  }
  CHECK_FALSE(rounded);  // the judge's result is rounded as the engine's is
}

TEST_CASE("testing: the same seed gives the same cases, another seed others") {
  const auto run = [](std::uint64_t seed) {
    std::string text;
    for (const auto& c :
         testing::run_suite<ReferenceBackend>([] { return ReferenceBackend(options()); }, {seed, 4}).cases)
      text += c.op + " " + c.text + "\n";
    return text;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("testing: every op is run, and refusals are among the cases") {
  std::set<std::string> ops;
  int refusals = 0;
  for (const auto& c :
       testing::run_suite<ReferenceBackend>([] { return ReferenceBackend(options()); }, {3, 6}).cases) {
    ops.insert(c.op);
    if (c.text.find("refuses") != std::string::npos) ++refusals;
  }
  CHECK(ops == std::set<std::string>{"copy", "frame", "gemm", "product", "rms_norm", "layer_norm", "rotary_table", "rotate", "attention", "swiglu",
                                     "bilinear_pool", "upsample", "softmax_rows", "embed", "gather", "sample", "scatter",
                                     "attention_weights", "sum_rows", "keep_top", "pick", "renumber", "hide_others", "copy of numbers",
                                     "head_mean", "group_rest to", "group_rest merged", "group_rest targets", "add_group_means"});
  CHECK(refusals >= 5);
}

TEST_CASE("testing: a report in words") {
  testing::Report report;
  report.cases.push_back({"gemm", "3x4x5", 0.5, 1e-6, false});
  report.cases.push_back({"copy", "1x1", 0.0, 0.0, true});
  report.absent.push_back("sample");
  CHECK_FALSE(report.ok());
  CHECK(report.text() == "FAIL gemm 3x4x5: error 0.5, bound 1e-06\nabsent sample\n1 of 2 cases passed\n");
}
