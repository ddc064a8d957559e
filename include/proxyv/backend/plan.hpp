// PlanBackend: runs a model without computing anything and counts what it would cost.
//
// It takes the tensors of engine B, never looks into them, and adds up operations, bytes moved and
// the peak of the workspace. The same layers run on it as on B, so the count cannot drift from the
// code. Attention is counted dense (masked pairs included), as the paper counts it.
#pragma once

#include <algorithm>

#include "proxyv/backend/checks.hpp"
#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/fused.hpp"

namespace proxyv::inline v0 {

/// What a run costs. FLOPs count a multiply-add as two.
struct Cost {
  double linear_flops = 0.0;     ///< gemm, product, swiglu
  double attention_flops = 0.0;  ///< scores and weighted values, dense
  double other_flops = 0.0;      ///< norms, rotary, softmax, pooling: a few per element
  double bytes = 0.0;            ///< read and written by the ops, each operand once per op
  std::size_t workspace = 0;     ///< peak scratch, bytes
  index_t ops = 0;

  /// Multiply-adds of gemms and attention: the number the paper reports.
  double flops() const { return linear_flops + attention_flops; }
};

/// An engine that only counts. Satisfies Backend; its tensors are those of B. Its ops stay out of line: a
/// prompt is counted once, and their code in every layer would be a fifth of what a model costs to compile.
template <class B>
class PlanBackend {
 public:
  using element = Elem<B>;
  using space = SpaceOf<B>;

  const Cost& cost() const {
    cost_.workspace = arena_.peak();
    return cost_;
  }

  template <class T>
  Buffer<T, space> alloc(index_t n) {
    return {nullptr, n, nullptr};
  }
  Frame<element, space> frame() { return Frame<element, space>(arena_); }
  std::size_t workspace_available() const { return arena_.available(); }

  template <class Src, class Dst>
  void upload(const Src& src, const Dst&) {
    moved(src.size(), 4);
  }
  template <class Src, class Dst>
  void download(const Src& src, const Dst&) {
    moved(src.size(), 4);
  }
  void sync() {}
  [[gnu::noinline]] void copy(In<B> src, Out<B> dst) {
    check::same_shape("copy", src, dst);
    moved(2 * src.size());
  }

  [[gnu::noinline]] void gemm(In<B> x, WeightOf<B> w, Out<B> y, EpilogueOf<B> e) {
    check::gemm(x, w, y, e, w.panel());
    linear(x.rows(), x.cols(), w.rows());
    moved(x.size() + (e.beta != 0.f ? 2 : 1) * y.size());
    cost_.bytes += static_cast<double>(w.bytes());
  }
  [[gnu::noinline]] void product(In<B> x, In<B> z, Out<B> y, float beta) {
    check::product(x, z, y, beta);
    linear(x.rows(), x.cols(), z.cols());
    moved(x.size() + z.size() + (beta != 0.f ? 2 : 1) * y.size());
  }
  [[gnu::noinline]] void swiglu(In<B> x, WeightOf<B> gate, WeightOf<B> up, Out<B> y) {
    check::swiglu(x, gate, up, y, gate.panel());
    if constexpr (requires { B::swiglu_scratch_rows; }) {
      auto scratch = frame();
      scratch.template matrix<element>(std::min(y.rows(), B::swiglu_scratch_rows), y.cols());
    }
    linear(x.rows(), x.cols(), 2 * gate.rows());
    moved(x.size() + y.size());
    cost_.bytes += static_cast<double>(gate.bytes() + up.bytes());
  }
  [[gnu::noinline]] void rms_norm(In<B> x, Vec<B> gain, Out<B> y, float) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    elementwise(x.size(), 4);
  }
  [[gnu::noinline]] void layer_norm(In<B> x, Vec<B> gain, Vec<B> bias, Out<B> y, float) {
    check::same_shape("layer_norm", x, y);
    check::gain("layer_norm", x, gain);
    check::gain("layer_norm", x, bias);
    elementwise(x.size(), 7);
  }
  [[gnu::noinline]] void rotary_table(Ids<B> positions, const Rotary& rotary, Table<B> table) {
    check::rotary_table(positions, rotary, table);
    elementwise(table.size(), 1);
  }
  [[gnu::noinline]] void rotate(Out<B> x, View<const float, space> table) {
    check::rotate(x, table);
    elementwise(x.size(), 3);
  }
  [[gnu::noinline]] void attention(In<B> q, Out<B> o, const AttentionArgsOf<B>& args) {
    args.check(q, o);
    cost_.attention_flops += 4.0 * args.pairs(q.rows()) * static_cast<double>(args.heads.query_width());
    moved(q.size() + o.size() + 2 * args.keys() * args.heads.kv_width());
    ++cost_.ops;
  }
  [[gnu::noinline]] void bilinear_pool(In<B> x, Out<B> y, const Grid& grid) {
    grid.check("bilinear_pool", x.rows(), y.rows());
    elementwise(y.size(), 8);
  }
  [[gnu::noinline]] void upsample(In<B> x, Out<B> y, const Grid& grid) {
    grid.check("upsample", y.rows(), x.rows());
    elementwise(y.size(), 0);
  }
  void softmax_rows(In<B> x, Out<B> y, float, View<const std::uint8_t, space> table, EmptyRow) {
    check::softmax_rows(x, y, table);
    elementwise(x.size(), 5);
  }
  [[gnu::noinline]] void embed(WeightOf<B> table, Ids<B> ids, Out<B> y) {
    check::gather("embed", table, ids, y, table.panel());
    elementwise(y.size(), 0);
  }
  [[gnu::noinline]] void gather(In<B> x, Ids<B> ids, Out<B> y) {
    check::gather("gather", x, ids, y);
    elementwise(y.size(), 0);
  }
  [[gnu::noinline]] void scatter(In<B> x, Ids<B> ids, Out<B> y) {
    check::scatter(x, ids, y);
    elementwise(x.size(), 0);
  }
  void advance(OutIds<B> counters) {
    moved(2 * counters.size(), sizeof(std::int32_t));
    ++cost_.ops;
  }
  void attention_weights(In<B> q, const AttentionArgsOf<B>& args, Table<B> weights) {
    check::attention_weights(q, args, weights);
    const auto pairs = static_cast<double>(q.rows()) * static_cast<double>(args.keys());
    cost_.attention_flops += 2.0 * pairs * static_cast<double>(args.heads.query_width());
    moved(q.size() + args.keys() * args.heads.kv_width());
    moved(weights.size(), sizeof(float));
    ++cost_.ops;
  }
  void sum_rows(View<const float, space> x, float, Table<B> y) {
    check::sum_rows(x, y);
    cost_.other_flops += static_cast<double>(x.size());
    numbers(x.size() + y.size());
  }
  void keep_top(View<const float, space> scores, index_t always, OutIds<B> kept, index_t) {
    check::keep_top(scores, always, kept);
    auto scratch = frame();
    scratch.template span<std::int32_t>(scores.cols());
    numbers(scores.size() + kept.size());
  }
  void pick(Ids<B>, Ids<B> which, OutIds<B> y) {
    check::same_count("pick", which, y);
    numbers(3 * y.size());
  }
  void renumber(Ids<B> x, OutIds<B> y) {
    check::same_count("renumber", x, y);
    auto scratch = frame();
    scratch.template span<std::int32_t>(x.size());
    numbers(2 * y.size());
  }
  void hide_others(Ids<B> x, Ids<B> kept, OutIds<B> y) {
    check::same_count("hide_others", x, y);
    numbers(y.size() + 3 * kept.size());
  }
  [[gnu::noinline]] void copy(Ids<B> x, OutIds<B> y) {
    check::same_count("copy", x, y);
    numbers(2 * y.size());
  }
  void head_mean(In<B> x, index_t heads, Table<B> y) {
    check::head_mean(x, heads, y);
    cost_.other_flops += static_cast<double>(x.size());
    moved(x.size());
    numbers(y.size());
  }
  void group_rest(View<const float, space> metric, Ids<B> kept, OutIds<B> targets, OutIds<B> merged,
                  OutIds<B> to) {
    check::group_rest(metric, kept, targets, merged, to);
    cost_.other_flops += 2.0 * static_cast<double>(merged.size()) * static_cast<double>(targets.size()) *
                         static_cast<double>(metric.cols());
    numbers(metric.size() + kept.size() + targets.size() + 2 * merged.size());
  }
  void add_group_means(In<B> x, Ids<B> targets, Ids<B> merged, Ids<B> to, Out<B> y) {
    check::add_group_means(x, targets, merged, to, y);
    elementwise(y.size() + merged.size() * y.cols(), 1);
  }
  void silu_add_upsampled(In<B> context, Out<B> mixed, const Grid& grid) requires UpdateOps<B> {
    grid.check("silu_add_upsampled", mixed.rows(), context.rows());
    elementwise(mixed.size(), 5);
  }
  void sample(In<B> logits, const Sampling& how, Ids<B>, OutIds<B> next) {
    sample(logits, how, std::uint64_t{0}, next);
  }
  void sample(In<B> logits, const Sampling&, std::uint64_t, OutIds<B> next) {
    check::sample(logits, next);
    auto scratch = frame();
    scratch.template span<std::int32_t>(logits.cols());
    scratch.template span<float>(logits.cols());
    elementwise(logits.size(), 1);
  }

 private:
  void linear(index_t m, index_t k, index_t n) {
    cost_.linear_flops += 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
    ++cost_.ops;
  }
  void elementwise(index_t n, index_t flops_each) {
    cost_.other_flops += static_cast<double>(n) * static_cast<double>(flops_each);
    moved(2 * n);
    ++cost_.ops;
  }
  /// One op that moves so many 32-bit numbers.
  void numbers(index_t n) {
    moved(n, sizeof(std::int32_t));
    ++cost_.ops;
  }
  void moved(index_t elements, std::size_t size = sizeof(element)) {
    cost_.bytes += static_cast<double>(elements) * static_cast<double>(size);
  }

  Arena arena_;
  mutable Cost cost_;
};

/// Runs `work(engine)` on a counting engine first: throws WorkspaceError naming `where` when `be` has less
/// scratch than the work needs, before anything is computed.
template <class B, class E, class Work>
void require_workspace(const E& be, const char* where, Work&& work) {
  PlanBackend<B> plan;
  work(plan);
  const std::size_t needed = plan.cost().workspace;
  if (needed > be.workspace_available())
    detail::fail(WorkspaceError(where, needed, be.workspace_available()));
}

}  // namespace proxyv::inline v0
