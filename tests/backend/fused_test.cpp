#include "proxyv/backend/fused.hpp"

#include <string>

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {

/// An engine with every op of this header, each of which says that it was called.
struct Fused : R {
  using R::R;
  std::string log;

  void project_heads(View<const float>, const HeadsProjection<R>&) { log += "heads "; }
  void norm_gemm(View<const float>, Norm<R>, View<float>, Weight<>, View<float>, Epilogue<float, HostSpace>) { log += "norm_gemm "; }
  void norm_swiglu(View<const float>, Norm<R>, View<float>, Weight<>, Weight<>, View<float>) { log += "norm_swiglu "; }
  void norm_heads(View<const float>, Norm<R>, View<float>, const HeadsProjection<R>&) { log += "norm_heads "; }
  void rms_norm_twice(View<float>, Norm<R>, Norm<R>, View<float>) { log += "twice "; }
  void begin_group() { log += "( "; }
  void end_group() { log += ") "; }
  void cancel_group() { log += "cancelled "; }
};

struct Rows {
  Matrix x = small::noise(1, 8, 1), gain = small::noise(1, 8, 2), other = small::noise(1, 8, 3), w = small::noise(4, 8, 4), up = small::noise(4, 8, 5);
  Matrix normed{1, 8}, y{1, 4}, table{1, 4};
  R be{{.workspace_bytes = 4096}};

  Norm<R> norm() { return {gain.span(), 1e-5f}; }
};

}  // namespace

TEST_CASE("fused ops: without an engine's own they are the ops of the contract") {
  static_assert(!HeadsOps<R> && !NormedOps<R> && !NormTwiceOps<R> && !GroupOps<R> && !UpdateOps<R> && StepOps<R> && !GraphOps<R>);
  Rows a, b;
  a.be.rms_norm(a.x, a.gain.span(), a.normed, 1e-5f);
  a.be.swiglu(a.normed, a.w.weight(), a.up.weight(), a.y);
  norm_swiglu<R>(b.be, b.x, b.norm(), b.normed, b.w.weight(), b.up.weight(), b.y);
  CHECK(small::values(a.y.view()) == small::values(b.y.view()));
  a.be.gemm(a.normed, a.w.weight(), a.y, {});
  norm_gemm<R>(b.be, b.x, b.norm(), b.normed, b.w.weight(), b.y, {});
  CHECK(small::values(a.y.view()) == small::values(b.y.view()));
  a.be.rms_norm(a.x, a.gain.span(), a.x, 1e-5f);
  a.be.rms_norm(a.x, a.other.span(), a.normed, 1e-5f);
  rms_norm_twice<R>(b.be, b.x, b.norm(), {b.other.span(), 1e-5f}, b.normed);
  CHECK(small::values(a.x.view()) == small::values(b.x.view()));
  CHECK(small::values(a.normed.view()) == small::values(b.normed.view()));
}

TEST_CASE("project_heads: keys and values go to the row that memory names") {
  Rows r;
  const std::vector<std::int32_t> position{3}, row{2};
  r.be.rotary_table(small::span_of(position), Rotary{4}, r.table);
  Matrix keys{5, 4}, values{5, 4}, k{1, 4}, v{1, 4};
  HeadsProjection<R> p{.k = r.w.weight(), .v = r.up.weight(), .rotary = r.table, .keys = keys, .values = values, .row = small::span_of(row)};
  project_heads<R>(r.be, r.x, p);
  p.row = {};
  p.keys = k;
  p.values = v;
  project_heads<R>(r.be, r.x, p);
  CHECK(small::values(keys.view().row_range(2, 1)) == small::values(k.view()));
  CHECK(small::values(values.view().row_range(2, 1)) == small::values(v.view()));
  for (index_t i : {0, 1, 3, 4}) CHECK(small::values(keys.view().row_range(i, 1)) == std::vector<float>(4, 0.f));
}

TEST_CASE("fused ops: the engine's own are used, and a group is closed whatever happens") {
  Rows r;
  Fused be({.workspace_bytes = 4096});
  norm_swiglu<R>(be, r.x, r.norm(), r.normed, r.w.weight(), r.up.weight(), r.y);
  norm_gemm<R>(be, r.x, r.norm(), r.normed, r.w.weight(), r.y, {});
  norm_heads<R>(be, r.x, r.norm(), r.normed, {});
  rms_norm_twice<R>(be, r.x, r.norm(), r.norm(), r.normed);
  together(be, [&] { project_heads<R>(be, r.x, {}); });
  CHECK(be.log == "norm_swiglu norm_gemm norm_heads twice ( heads ) ");
  be.log.clear();
  CHECK_THROWS_AS(together(be, [] { throw ArgumentError("no"); }), ArgumentError);
  CHECK(be.log == "( cancelled ");
}

TEST_CASE("attention: only live keys count") {
  R be({.workspace_bytes = 4096});
  Matrix q = small::noise(2, 4, 1), keys = small::noise(6, 4, 2), values = small::noise(6, 4, 3), whole{2, 4}, cut{2, 4};
  const std::vector<std::int32_t> live{4};
  const auto run = [&](index_t n, Span<const std::int32_t> number, Matrix& o) {
    AttentionArgs<float, HostSpace> args(Heads{1, 1, 4});
    args.add({.keys = keys.view().row_range(0, n), .values = values.view().row_range(0, n), .live = number});
    be.attention(q, o, args);
  };
  run(4, {}, whole);
  run(6, small::span_of(live), cut);
  CHECK(small::values(whole.view()) == small::values(cut.view()));
}

TEST_CASE("scatter and advance") {
  R be({.workspace_bytes = 64});
  Matrix x = small::noise(2, 3, 1), y{4, 3};
  const std::vector<std::int32_t> ids{3, 1};
  be.scatter(x, small::span_of(ids), y);
  CHECK(small::values(y.view().row_range(3, 1)) == small::values(x.view().row_range(0, 1)));
  CHECK(small::values(y.view().row_range(1, 1)) == small::values(x.view().row_range(1, 1)));
  std::vector<std::int32_t> counters{1, -1, 7};
  be.advance({counters.data(), 3});
  CHECK(counters == std::vector<std::int32_t>{2, 0, 8});
}

TEST_CASE("spread_rows: each row to its own place, with or without an op of the engine's") {
  R be({.workspace_bytes = 64});
  const Matrix x = small::noise(3, 4, 1);
  Matrix a{2, 4}, b{1, 4};
  const std::vector<View<float>> to{a.view().row_range(1, 1), b.view(), a.view().row_range(0, 1)};
  static_assert(!SpreadOps<R>);
  spread_rows<R>(be, x, Span<const View<float>>(to.data(), 3));
  CHECK(small::values(to[0]) == small::values(x.view().row_range(0, 1)));
  CHECK(small::values(to[1]) == small::values(x.view().row_range(1, 1)));
  CHECK(small::values(to[2]) == small::values(x.view().row_range(2, 1)));
}
