// The shipped suite on every engine of the house, on a user's engine, and on engines it must fail.
#include "proxyv/backend/testing.hpp"

#include <string_view>

#include "proxyv/eigen/backend.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

HostOptions options(int threads = 1) {
  HostOptions o;
  o.threads = threads;
  o.workspace_bytes = 1 << 20;
  return o;
}

/// A user's engine: everything as the CPU engine, one op of its own.
struct Toy : EigenBackend {
  using EigenBackend::EigenBackend;
  int calls = 0;

  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    ++calls;
    for (index_t i = 0; i < x.rows(); ++i) {
      double squares = 0.0;
      for (index_t j = 0; j < x.cols(); ++j) squares += double{x(i, j)} * double{x(i, j)};
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.cols()) + double{eps});
      for (index_t j = 0; j < x.cols(); ++j)
        y(i, j) = static_cast<float>(double{x(i, j)} * scale * double{gain[j]});
    }
  }
};

/// Half an engine: memory and norms.
class NormsOnly : public HostStorage {
 public:
  explicit NormsOnly(const HostOptions& o) : HostStorage(o), judge_(o) {}
  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    judge_.rms_norm(x, gain, y, eps);
  }
  void layer_norm(View<const float> x, Span<const float> gain, Span<const float> bias, View<float> y,
                  float eps) {
    judge_.layer_norm(x, gain, bias, y, eps);
  }

 private:
  ReferenceBackend judge_;
};

/// Mistakes that engines really make, one at a time.
enum class Mistake {
  bias_left_out,
  beta_reads_y,
  causal_off_by_one,
  hidden_values_count,
  writes_gaps,
  wrong_tie,
  eps_left_out,
  forgets_to_refuse
};

struct Broken : EigenBackend {
  Broken(const HostOptions& o, Mistake m) : EigenBackend(o), mistake(m) {}
  Mistake mistake;

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    if (mistake == Mistake::forgets_to_refuse && y.cols() != w.rows()) return;
    if (mistake == Mistake::bias_left_out) e.bias = {};
    if (mistake == Mistake::beta_reads_y) {
      std::vector<float> old;
      for (index_t i = 0; i < y.rows(); ++i) old.insert(old.end(), y.row(i), y.row(i) + y.cols());
      EigenBackend::gemm(x, w, y, e);
      for (index_t i = 0; i < y.rows(); ++i)
        for (index_t j = 0; j < y.cols(); ++j)
          y(i, j) += (e.beta - e.beta) * old[static_cast<std::size_t>(i * y.cols() + j)];
      return;
    }
    EigenBackend::gemm(x, w, y, e);
    if (mistake == Mistake::writes_gaps && y.stride() > y.cols() && y.rows() > 0) y.row(0)[y.cols()] = 0.f;
  }
  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    EigenBackend::rms_norm(x, gain, y, mistake == Mistake::eps_left_out ? 0.1f : eps);
  }
  void attention(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& args) {
    std::vector<std::int32_t> positions(args.query_positions.begin(), args.query_positions.end());
    AttentionArgs<float, HostSpace> other = args;
    if (mistake == Mistake::causal_off_by_one) {
      for (auto& p : positions) --p;
      other.query_positions = {positions.data(), static_cast<index_t>(positions.size())};
    }
    EigenBackend::attention(q, o, other);
    if (mistake == Mistake::hidden_values_count && args.count() > 0 && args[0].values.rows() > 0)
      for (index_t i = 0; i < o.rows(); ++i) o(i, 0) += 0.f * args[0].values(args[0].values.rows() - 1, 0);
  }
  void sample(View<const float> logits, const Sampling& how, std::uint64_t step, Span<std::int32_t> next) {
    EigenBackend::sample(logits, how, step, next);
    if (mistake != Mistake::wrong_tie || next[0] == not_a_token || how.temperature > 0.f) return;
    for (index_t i = 0; i < logits.cols(); ++i)
      if (logits(0, i) == logits(0, next[0])) next[0] = static_cast<std::int32_t>(i);
  }
};

}  // namespace

TEST_CASE("suite: the CPU engine, on 1, 2 and 3 threads") {
  for (int threads : {1, 2, 3}) {
    const auto report =
        testing::run_suite<EigenBackend>([&] { return EigenBackend(options(threads)); }, {7, 12});
    INFO(report.text());
    CHECK(report.ok());
    CHECK(report.absent.empty());
  }
}

TEST_CASE("suite: the judge itself, without any error") {
  const auto report =
      testing::run_suite<ReferenceBackend>([] { return ReferenceBackend(options()); }, {1, 6});
  CHECK(report.ok());
  for (const auto& c : report.cases) CHECK(c.error == 0.0);
}

TEST_CASE("suite: a user's engine that replaces one op") {
  static_assert(Backend<Toy>);
  const auto report = testing::run_suite<Toy>([] { return Toy(options(2)); }, {2, 6});
  INFO(report.text());
  CHECK(report.ok());
}

TEST_CASE("suite: half an engine passes what it has; the rest is listed") {
  static_assert(NormOps<NormsOnly> && !GemmOps<NormsOnly>);
  const auto report = testing::run_suite<NormsOnly>([] { return NormsOnly(options()); }, {1, 3});
  CHECK(report.ok());
  CHECK(report.absent == std::vector<std::string>{"gemm", "product", "rotary_table", "rotate", "attention",
                                                  "swiglu", "bilinear_pool", "upsample", "softmax_rows",
                                                  "embed", "gather", "sample", "attention_weights", "keep_top"});
  CHECK_THAT(report.text(), ContainsSubstring("absent swiglu\n"));
}

TEST_CASE("suite: every mistake is found, and in the op that makes it") {
  struct Expected {
    Mistake mistake;
    const char* op;
  };
  for (const auto& [mistake, op] :
       {Expected{Mistake::bias_left_out, "gemm"}, Expected{Mistake::beta_reads_y, "gemm"},
        Expected{Mistake::writes_gaps, "gemm"}, Expected{Mistake::forgets_to_refuse, "gemm"},
        Expected{Mistake::eps_left_out, "rms_norm"}, Expected{Mistake::causal_off_by_one, "attention"},
        Expected{Mistake::hidden_values_count, "attention"}, Expected{Mistake::wrong_tie, "sample"}}) {
    const Mistake made = mistake;
    const auto report = testing::run_suite<Broken>([made] { return Broken(options(), made); },
                                                   {1, std::string_view(op) == "attention" ? 12 : 5});
    CHECK_FALSE(report.ok());
    for (const auto& c : report.cases) {
      if (!c.pass) CHECK(c.op == op);
    }
    CHECK_THAT(report.text(), ContainsSubstring(std::string("FAIL ") + op));
  }
}
