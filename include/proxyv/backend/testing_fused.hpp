// The second half of the suite: ops beyond the contract, and shapes that engines have fast paths for.
//
// The first half (testing.hpp) gives every op odd sizes and addresses, which fast paths refuse. Here sizes are
// multiples of what tensor cores like, with odd row counts, and tensors are aligned.
#pragma once

#include "proxyv/backend/fused.hpp"
#include "proxyv/backend/testing_data.hpp"

namespace proxyv::inline v0 {
namespace testing {
namespace detail {

/// Runs the ops that B offers; hands each result to `judge(op, text, tensor, bound in float)`, whose tensor holds
/// what the judge computed on the host and what the engine did in its memory.
template <class B, class Judge>
class FusedSuite {
 public:
  FusedSuite(B& be, Random& random, Judge judge) : be_(be), random_(random), judge_(std::move(judge)), host_({.workspace_bytes = 1 << 20}) {}

  void round() {
    random_.align(true);
    if constexpr (GemmOps<B>) product();
    if constexpr (GateOps<B>) swiglu();
    if constexpr (AttentionOps<B>) attention();
    if constexpr (HeadsOps<B>) heads();
    if constexpr (NormedOps<B>) normed();
    if constexpr (NormTwiceOps<B>) norm_twice();
    if constexpr (UpdateOps<B>) update();
    if constexpr (GroupOps<B>) group();
    if constexpr (SpreadOps<B>) spread();
    if constexpr (StepOps<B>) step();
    random_.align(false);
  }

 private:
  using S = SpaceOf<B>;

  index_t rows() { return random_.pick<index_t>({1, 2, 5, 55, 64, 65, 130, 235}); }
  index_t width() { return random_.pick<index_t>({64, 128, 192, 256}); }
  static std::string shape(std::initializer_list<index_t> sizes) {
    std::string out;
    for (const index_t n : sizes) out += (out.empty() ? "" : "x") + std::to_string(n);
    return out;
  }

  /// A weight of the engine's own type, aligned, and its twin.
  struct Own {
    Own(B& be, Random& random, index_t rows, index_t cols) : tensor(be, random, rows, cols, 1.f, true) {}
    WeightOf<B> weight() { return WeightOf<B>(In<B>(tensor.view())); }
    Weight<> twin() { return Weight<>(View<const float>(tensor.twin())); }
    Tensor<B> tensor;
  };
  static Vec<B> vec(Tensor<B>& t) { return {t.view().data(), t.cols}; }
  static Span<const float> host_vec(Tensor<B>& t) { return {t.twin().data(), t.cols}; }

  /// Rows of x to rows of y, from its last on, every other one.
  void spread() {
    const index_t m = rows(), n = random_.coin() ? width() : 1 + random_.below(300);
    Tensor<B> x(be_, random_, m, n), y(be_, random_, 2 * m, n);
    std::vector<Out<B>> to;
    for (index_t i = 0; i < m; ++i) to.push_back(y.view().row_range(2 * (m - 1 - i), 1));
    be_.spread_rows(x.view(), Span<const Out<B>>(to.data(), m));
    for (index_t i = 0; i < m; ++i) host_.copy(x.twin().row_range(i, 1), y.twin().row_range(2 * (m - 1 - i), 1));
    judge_("spread_rows", shape({m, n}), y, 0.0);
  }

  void product() {
    const index_t m = rows(), k = width(), n = width();
    Tensor<B> x(be_, random_, m, k), bias(be_, random_, 1, n), y(be_, random_, m, n);
    Own w(be_, random_, n, k);
    const auto act = static_cast<Act>(random_.below(4));
    const float beta = random_.coin() ? 1.f : 0.f;
    be_.gemm(x.view(), w.weight(), y.view(), {.act = act, .beta = beta, .bias = vec(bias)});
    host_.gemm(x.twin(), w.twin(), y.twin(), {.act = act, .beta = beta, .bias = host_vec(bias)});
    judge_("gemm", "aligned " + shape({m, k, n}), y, 3e-6);
  }

  void swiglu() {
    const index_t m = rows(), k = width(), n = width();
    Tensor<B> x(be_, random_, m, k), y(be_, random_, m, n);
    Own gate(be_, random_, n, k), up(be_, random_, n, k);
    y.fill(not_a_number);
    be_.swiglu(x.view(), gate.weight(), up.weight(), y.view());
    host_.swiglu(x.twin(), gate.twin(), up.twin(), y.twin());
    judge_("swiglu", "aligned " + shape({m, k, n}), y, 6e-6);
  }

  /// One causal segment, or one of which only `live` keys count.
  void attention() {
    const Heads h{4, random_.pick<index_t>({1, 2, 4}), random_.pick<index_t>({64, 96, 128})};
    const index_t queries = random_.pick<index_t>({1, 5, 64, 130}), keys = random_.pick<index_t>({64, 131, 400});
    Tensor<B> q(be_, random_, queries, h.query_width(), 2.f), o(be_, random_, queries, h.query_width());
    std::vector<std::int32_t> positions;
    for (index_t i = 0; i < queries; ++i) positions.push_back(static_cast<std::int32_t>(random_.below(100)));
    const IdMemory<B> ids(be_, positions), live(be_, std::vector<std::int32_t>{static_cast<std::int32_t>(1 + random_.below(keys))});
    const bool counted = random_.coin();
    Segment<B> segment(be_, random_, queries, keys, h, counted ? Visible::all : Visible::causal);
    std::int32_t count = 0;
    be_.download(Ids<B>(live.data(), 1), Span<std::int32_t>(&count, 1));
    be_.sync();
    KeySegment<float, HostSpace> twin = segment.twin(queries);
    KeySegmentOf<B> own = segment.segment(queries);
    if (counted) twin.live = {&count, 1}, own.live = {live.data(), 1};
    AttentionArgs<float, HostSpace> args(h, {positions.data(), queries});
    AttentionArgsOf<B> engine_args(h, Ids<B>(ids.data(), queries));
    args.add(twin);
    engine_args.add(own);
    o.fill(not_a_number);
    be_.attention(q.view(), o.view(), engine_args);
    host_.attention(q.twin(), o.twin(), args);
    judge_("attention", "aligned " + shape({queries, keys, h.query, h.kv, h.dim}) + (counted ? " live " + std::to_string(count) : ""), o, 5e-6);
  }

  /// Everything a projection of heads needs, on both sides.
  struct HeadsCase {
    HeadsCase(FusedSuite& suite, index_t m, bool small_heads)
        : dim(small_heads ? suite.random_.template pick<index_t>({2, 16, 40}) : suite.random_.template pick<index_t>({64, 96, 128})),
          k(suite.width()),
          x(suite.be_, suite.random_, m, k),
          q(suite.be_, suite.random_, 4 * dim, k),
          key(suite.be_, suite.random_, 2 * dim, k),
          value(suite.be_, suite.random_, 2 * dim, k),
          q_bias(suite.be_, suite.random_, 1, 4 * dim),
          k_bias(suite.be_, suite.random_, 1, 2 * dim),
          v_bias(suite.be_, suite.random_, 1, 2 * dim),
          queries(suite.be_, suite.random_, m, 4 * dim),
          keys(suite.be_, suite.random_, m + 3, 2 * dim),
          values(suite.be_, suite.random_, m + 3, 2 * dim),
          positions(positions_of(suite.random_, m)),
          ids(suite.be_, positions),
          row(suite.be_, std::vector<std::int32_t>{2}),
          table(suite.be_.template alloc<float>(m * dim)),
          host_table(static_cast<std::size_t>(m * dim)),
          recorded(m == 1 && suite.random_.coin()),
          with_queries(recorded || suite.random_.coin()) {
      const Rotary rotary{dim};
      suite.be_.rotary_table(Ids<B>(ids.data(), m), rotary, View<float, S>(table.data(), m, dim));
      suite.host_.rotary_table({positions.data(), m}, rotary, {host_table.data(), m, dim});
    }
    static std::vector<std::int32_t> positions_of(Random& random, index_t m) {
      std::vector<std::int32_t> out;
      for (index_t i = 0; i < m; ++i) out.push_back(static_cast<std::int32_t>(random.below(3000)));
      return out;
    }
    HeadsProjection<B> engine() {
      HeadsProjection<B> p{.k = key.weight(), .v = value.weight(), .k_bias = vec(k_bias), .v_bias = vec(v_bias),
                           .rotary = View<const float, S>(table.data(), x.rows, dim), .keys = keys.view(), .values = values.view()};
      if (with_queries) p.q = q.weight(), p.q_bias = vec(q_bias), p.queries = queries.view();
      if (recorded) {
        p.row = Ids<B>(row.data(), 1);
      } else {
        p.keys = keys.view().row_range(0, x.rows);
        p.values = values.view().row_range(0, x.rows);
      }
      return p;
    }
    void on_host(ReferenceBackend& host, View<const float> from) {
      const View<const float> rotary(host_table.data(), x.rows, dim);
      const index_t first = recorded ? 2 : 0;
      const auto make = [&](Own& w, Tensor<B>& bias, View<float> y, bool turns) {
        host.gemm(from, w.twin(), y, {.bias = host_vec(bias)});
        if (turns) host.rotate(y, rotary);
      };
      if (with_queries) make(q, q_bias, queries.twin(), true);
      make(key, k_bias, keys.twin().row_range(first, x.rows), true);
      make(value, v_bias, values.twin().row_range(first, x.rows), false);
    }
    template <class J>
    void judge(J& judge_with, const char* op) {
      const std::string text = shape({x.rows, k, dim}) + (with_queries ? "" : " no queries") + (recorded ? " row" : "");
      judge_with(op, text + " q", queries, 6e-6);
      judge_with(op, text + " k", keys, 6e-6);
      judge_with(op, text + " v", values, 6e-6);
    }

    index_t dim, k;
    Tensor<B> x;
    Own q, key, value;
    Tensor<B> q_bias, k_bias, v_bias, queries, keys, values;
    std::vector<std::int32_t> positions;
    IdMemory<B> ids, row;
    Buffer<float, S> table;
    Host host_table;
    bool recorded, with_queries;
  };

  void heads() {
    HeadsCase c(*this, random_.coin() ? 1 : rows(), random_.below(4) == 0);
    be_.project_heads(c.x.view(), c.engine());
    c.on_host(host_, c.x.twin());
    c.judge(judge_, "project_heads");
  }

  void normed() {
    const index_t m = random_.pick<index_t>({1, 2, 4, 65}), k = width(), n = width();
    Tensor<B> x(be_, random_, m, k, 3.f), gain(be_, random_, 1, k), scratch(be_, random_, m, k), y(be_, random_, m, n);
    Own w(be_, random_, n, k), up(be_, random_, n, k);
    Tensor<B> host_normed(be_, random_, m, k);
    host_.rms_norm(x.twin(), host_vec(gain), host_normed.twin(), 1e-5f);
    const Norm<B> norm{vec(gain), 1e-5f};
    be_.norm_gemm(x.view(), norm, scratch.view(), w.weight(), y.view(), {.beta = 1.f});
    host_.gemm(host_normed.twin(), w.twin(), y.twin(), {.beta = 1.f});
    judge_("norm_gemm", shape({m, k, n}), y, 6e-6);
    y.fill(not_a_number);
    be_.norm_swiglu(x.view(), norm, scratch.view(), w.weight(), up.weight(), y.view());
    host_.swiglu(host_normed.twin(), w.twin(), up.twin(), y.twin());
    judge_("norm_swiglu", shape({m, k, n}), y, 1e-5);
    HeadsCase c(*this, m, false);
    Tensor<B> heads_gain(be_, random_, 1, c.k), heads_scratch(be_, random_, m, c.k), heads_normed(be_, random_, m, c.k);
    be_.norm_heads(c.x.view(), Norm<B>{vec(heads_gain), 1e-5f}, heads_scratch.view(), c.engine());
    host_.rms_norm(c.x.twin(), host_vec(heads_gain), heads_normed.twin(), 1e-5f);
    c.on_host(host_, heads_normed.twin());
    c.judge(judge_, "norm_heads");
  }

  void norm_twice() {
    const index_t m = rows(), k = width();
    Tensor<B> x(be_, random_, m, k, 3.f), first(be_, random_, 1, k), second(be_, random_, 1, k), y(be_, random_, m, k);
    be_.rms_norm_twice(x.view(), Norm<B>{vec(first), 1e-5f}, Norm<B>{vec(second), 1e-6f}, y.view());
    host_.rms_norm(x.twin(), host_vec(first), x.twin(), 1e-5f);
    host_.rms_norm(x.twin(), host_vec(second), y.twin(), 1e-6f);
    judge_("rms_norm_twice", shape({m, k}) + " x", x, 2e-6);
    judge_("rms_norm_twice", shape({m, k}) + " y", y, 4e-6);
  }

  void update() {
    const index_t factor = 1 + random_.below(4);
    const Grid grid{1 + random_.below(3), factor * random_.pick<index_t>({1, 2, 3}), factor};
    const index_t n = width();
    Tensor<B> context(be_, random_, grid.pooled_rows(), n), mixed(be_, random_, grid.full_rows(), n), wide(be_, random_, grid.full_rows(), n);
    be_.silu_add_upsampled(context.view(), mixed.view(), grid);
    host_.upsample(context.twin(), wide.twin(), grid);
    for (index_t i = 0; i < mixed.rows; ++i)
      for (index_t j = 0; j < n; ++j) mixed.at(i, j) = activate(Act::silu, mixed.at(i, j) + wide.at(i, j));
    judge_("silu_add_upsampled", shape({grid.crops, grid.side, factor, n}), mixed, 2e-6);
  }

  /// As in a ProxyV layer: two projections, a gate and a product that share nothing but a launch.
  void group() {
    HeadsCase vision(*this, rows(), random_.below(4) == 0), focus(*this, rows(), random_.below(4) == 0);
    const index_t m = rows(), k = width(), n = width();
    Tensor<B> x(be_, random_, m, k), gated(be_, random_, m, n), y(be_, random_, m, n);
    Own gate(be_, random_, n, k), up(be_, random_, n, k);
    together(be_, [&] {
      project_heads<B>(be_, vision.x.view(), vision.engine());
      project_heads<B>(be_, focus.x.view(), focus.engine());
      be_.swiglu(x.view(), gate.weight(), up.weight(), gated.view());
      be_.gemm(x.view(), up.weight(), y.view(), {});
    });
    vision.on_host(host_, vision.x.twin());
    focus.on_host(host_, focus.x.twin());
    host_.swiglu(x.twin(), gate.twin(), up.twin(), gated.twin());
    host_.gemm(x.twin(), up.twin(), y.twin(), {});
    vision.judge(judge_, "group");
    focus.judge(judge_, "group");
    judge_("group", "swiglu " + shape({m, k, n}), gated, 6e-6);
    judge_("group", "gemm " + shape({m, k, n}), y, 3e-6);
  }

  void step() {
    const index_t n = width(), m = random_.pick<index_t>({1, 3});
    Tensor<B> x(be_, random_, m, n), y(be_, random_, 7, n);
    std::vector<std::int32_t> places{4, 0, 6};
    places.resize(static_cast<std::size_t>(m));
    const IdMemory<B> ids(be_, places);
    be_.scatter(x.view(), Ids<B>(ids.data(), m), y.view());
    host_.scatter(x.twin(), {places.data(), m}, y.twin());
    judge_("scatter", shape({m, n}), y, 0.0);
  }

  B& be_;
  Random& random_;
  Judge judge_;
  ReferenceBackend host_;
};

}  // namespace detail
}  // namespace testing
}  // namespace proxyv::inline v0
