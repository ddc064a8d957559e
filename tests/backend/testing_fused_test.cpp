#include "proxyv/backend/testing_fused.hpp"

#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

HostOptions options() { return {.workspace_bytes = 1 << 20}; }

/// Every op beyond the contract, made of the contract's ops; one mistake at a time.
struct Fused : ReferenceBackend {
  enum class Mistake { none, forgets_row, norm_left_out, adds_late, same_row };
  Fused(const HostOptions& o, Mistake m = Mistake::none) : ReferenceBackend(o), mistake(m) {}
  Mistake mistake;
  using P = HeadsProjection<ReferenceBackend>;
  using N = Norm<ReferenceBackend>;

  void project_heads(View<const float> x, P p) {
    if (mistake == Mistake::forgets_row && !p.row.empty()) p.row = {}, p.keys = p.keys.row_range(0, 1), p.values = p.values.row_range(0, 1);
    project_heads_apart<ReferenceBackend>(static_cast<ReferenceBackend&>(*this), x, p);
  }
  void norm_gemm(View<const float> x, N n, View<float> normed, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    if (mistake != Mistake::norm_left_out) rms_norm(x, n.gain, normed, n.eps);
    gemm(mistake == Mistake::norm_left_out ? x : View<const float>(normed), w, y, e);
  }
  void norm_swiglu(View<const float> x, N n, View<float> normed, Weight<> gate, Weight<> up, View<float> y) {
    rms_norm(x, n.gain, normed, n.eps);
    swiglu(normed, gate, up, y);
  }
  void norm_heads(View<const float> x, N n, View<float> normed, const P& p) {
    rms_norm(x, n.gain, normed, n.eps);
    project_heads(normed, p);
  }
  void rms_norm_twice(View<float> x, N first, N second, View<float> y) {
    rms_norm(x, first.gain, x, first.eps);
    rms_norm(x, second.gain, y, second.eps);
  }
  void silu_add_upsampled(View<const float> context, View<float> mixed, Grid grid) {
    std::vector<float> memory(static_cast<std::size_t>(mixed.rows() * mixed.cols()));
    const View<float> wide(memory.data(), mixed.rows(), mixed.cols());
    upsample(context, wide, grid);
    for (index_t i = 0; i < mixed.rows(); ++i)
      for (index_t j = 0; j < mixed.cols(); ++j)
        mixed(i, j) = mistake == Mistake::adds_late ? activate(Act::silu, mixed(i, j)) + wide(i, j) : activate(Act::silu, mixed(i, j) + wide(i, j));
  }
  void spread_rows(View<const float> x, Span<const View<float>> to) {
    for (index_t i = 0; i < to.size(); ++i) copy(x.row_range(mistake == Mistake::same_row ? 0 : i, 1), to[i]);
  }
  void begin_group() {}
  void end_group() {}
  void cancel_group() {}
};

}  // namespace

TEST_CASE("fused suite: ops made of the judge's own agree with the judge") {
  static_assert(HeadsOps<Fused> && NormedOps<Fused> && NormTwiceOps<Fused> && UpdateOps<Fused> && GroupOps<Fused> && SpreadOps<Fused>);
  const auto report = testing::run_suite<Fused>([] { return Fused(options()); }, {3, 6});
  INFO(report.text());
  CHECK(report.ok());
  for (const char* op : {"project_heads", "norm_gemm", "norm_swiglu", "norm_heads", "rms_norm_twice", "silu_add_upsampled", "group", "scatter", "spread_rows"})
    CHECK(std::any_of(report.cases.begin(), report.cases.end(), [&](const auto& c) { return c.op == op; }));
}

TEST_CASE("fused suite: a mistake is found, and in the op that makes it") {
  struct Expected {
    Fused::Mistake mistake;
    const char* op;
  };
  for (const auto& [mistake, op] : {Expected{Fused::Mistake::forgets_row, "heads"}, Expected{Fused::Mistake::norm_left_out, "norm_gemm"},
                                    Expected{Fused::Mistake::adds_late, "silu_add_upsampled"}, Expected{Fused::Mistake::same_row, "spread_rows"}}) {
    const auto made = mistake;
    const auto report = testing::run_suite<Fused>([made] { return Fused(options(), made); }, {3, 12});
    CHECK_FALSE(report.ok());
    for (const auto& c : report.cases)
      if (!c.pass && c.op != "group") CHECK_THAT(c.op, ContainsSubstring(op));  // a group holds projections too
  }
}
