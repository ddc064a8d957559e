// Ops an engine may offer beyond the contract, because on its hardware they pay.
//
// Layers call the functions of this file. Each uses the engine's own op when there is one and is the same
// few ops of the contract when there is not, so an engine never has to offer any of these.
#pragma once

#include <utility>

#include "proxyv/backend/concepts.hpp"

namespace proxyv::inline v0 {

/// A root-mean-square norm of tensors of T: gain [cols] and epsilon.
template <class T, class Space>
struct NormOf {
  Span<const T, Space> gain;
  float eps = 0.f;
};
template <class B>
using Norm = NormOf<Elem<B>, SpaceOf<B>>;

/// Queries, keys and values of the same rows; queries and keys rotated.
/// A weight that is not present makes nothing. Outputs stand apart from x and from each other.
template <class T, class Space>
struct HeadsProjectionOf {
  Weight<Space> q{}, k{}, v{};                        ///< [width, hidden]
  Span<const T, Space> q_bias{}, k_bias{}, v_bias{};  ///< [width] or empty
  View<const float, Space> rotary{};                  ///< [rows of x, head_dim]
  View<T, Space> queries{}, keys{}, values{};         ///< [rows of x, width]
  /// When given, [1]: keys and values are whole planes, and row row[0] of them is written. x then has one
  /// row. The number lies in the engine's memory, so that one recorded step serves every length.
  Span<const std::int32_t, Space> row{};
};
template <class B>
using HeadsProjection = HeadsProjectionOf<Elem<B>, SpaceOf<B>>;

/// queries = rotate(x q^T), keys = rotate(x k^T), values = x v^T in one op.
template <class E, class B = E>
concept HeadsOps = requires(E& be, In<B> x, const HeadsProjection<B>& p) {
  be.project_heads(x, p);
};

/// Ops that begin with a norm. normed [as x] is scratch; what it holds afterwards is not said.
template <class E, class B = E>
concept NormedOps = requires(E& be, In<B> x, Norm<B> norm, Out<B> normed, WeightOf<B> w, Out<B> y,
                             EpilogueOf<B> e, const HeadsProjection<B>& p) {
  be.norm_gemm(x, norm, normed, w, y, e);
  be.norm_swiglu(x, norm, normed, w, w, y);
  be.norm_heads(x, norm, normed, p);
};

/// x = norm(x), then y = norm(x), in one pass.
template <class E, class B = E>
concept NormTwiceOps = requires(E& be, Out<B> x, Norm<B> norm, Out<B> y) {
  be.rms_norm_twice(x, norm, norm, y);
};

/// mixed = silu(mixed + each row of context copied to its block).
template <class E, class B = E>
concept UpdateOps = requires(E& be, In<B> context, Out<B> mixed, Grid grid) {
  be.silu_add_upsampled(context, mixed, grid);
};

/// Each row of x [n, cols] to a row of its own anywhere: to [n], [1, cols] each, no two the same.
template <class E, class B = E>
concept SpreadOps = requires(E& be, In<B> x, Span<const Out<B>> to) {
  be.spread_rows(x, to);
};

/// What is called between begin_group and end_group does not depend on anything else called there, and may share a
/// launch. project_heads is one of those calls, so only an engine's own counts: composed of ops it would depend on itself.
template <class E>
concept GroupOps = HeadsOps<E> && requires(E& be) {
  be.begin_group();
  be.end_group();
  be.cancel_group();
};

/// What a step that is recorded once and replayed for every token needs: all that changes from token to
/// token lies in the engine's memory.
template <class B>
concept StepOps = SampleOps<B> && GatherOps<B> &&
    requires(B& be, In<B> x, Ids<B> ids, Out<B> y, OutIds<B> counters, Sampling how, OutIds<B> next) {
  be.scatter(x, ids, y);         // y[ids[i]] = x[i]
  be.advance(counters);          // each + 1
  be.sample(x, how, ids, next);  // the step is ids[0]
};

/// Work recorded once and replayed with one launch.
template <class E>
concept GraphOps = requires(E& be, typename E::graph& graph, void (*work)()) {
  { be.record(work) } -> std::same_as<typename E::graph>;
  be.replay(graph);
};

namespace detail {

template <class E>
class Group {
 public:
  explicit Group(E& be) : be_(&be) { be.begin_group(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (be_ != nullptr) be_->cancel_group();
  }
  void end() { std::exchange(be_, nullptr)->end_group(); }

 private:
  E* be_;
};

}  // namespace detail

/// Runs work(), whose ops do not depend on each other.
template <class E, class Work>
void together(E& be, Work&& work) {
  if constexpr (GroupOps<E>) {
    detail::Group<E> group(be);
    work();
    group.end();
  } else {
    work();
  }
}

/// project_heads by the contract's ops. For engines that have the fused op but not for every shape.
template <class B, class E>
  requires GemmOps<E> && RotaryOps<E>
void project_heads_apart(E& be, In<B> x, const HeadsProjection<B>& p) {
  const auto make = [&](const WeightOf<B>& w, const Vec<B>& bias, Out<B> y, bool turns) {
    be.gemm(x, w, y, {.bias = bias});
    if (turns) be.rotate(y, p.rotary);
  };
  if (p.q.present()) make(p.q, p.q_bias, p.queries, true);
  if (p.row.empty()) {
    if (p.k.present()) make(p.k, p.k_bias, p.keys, true);
    if (p.v.present()) make(p.v, p.v_bias, p.values, false);
  } else if constexpr (StepOps<E>) {
    auto frame = be.frame();
    auto one = frame.matrix(1, p.keys.cols());
    make(p.k, p.k_bias, one, true);
    be.scatter(one, p.row, p.keys);
    make(p.v, p.v_bias, one, false);
    be.scatter(one, p.row, p.values);
  }
}

/// See HeadsProjection. x [rows, hidden] in.
template <class B, class E>
  requires GemmOps<E> && RotaryOps<E> && SameTensorsAs<E, B>
void project_heads(E& be, In<B> x, const HeadsProjection<B>& p) {
  if constexpr (HeadsOps<E, B>) {
    be.project_heads(x, p);
  } else {
    project_heads_apart<B>(be, x, p);
  }
}

/// project_heads of norm(x). normed [as x] scratch.
template <class B, class E>
void norm_heads(E& be, In<B> x, const Norm<B>& norm, Out<B> normed, const HeadsProjection<B>& p) {
  if constexpr (NormedOps<E, B>) {
    be.norm_heads(x, norm, normed, p);
  } else {
    be.rms_norm(x, norm.gain, normed, norm.eps);
    project_heads<B>(be, normed, p);
  }
}

/// y = silu(norm(x) gate^T) * (norm(x) up^T). normed [as x] scratch.
template <class B, class E>
void norm_swiglu(E& be, In<B> x, const Norm<B>& norm, Out<B> normed, WeightOf<B> gate, WeightOf<B> up,
                 Out<B> y) {
  if constexpr (NormedOps<E, B>) {
    be.norm_swiglu(x, norm, normed, gate, up, y);
  } else {
    be.rms_norm(x, norm.gain, normed, norm.eps);
    be.swiglu(normed, gate, up, y);
  }
}

/// y = act(norm(x) w^T + bias + beta y). normed [as x] scratch.
template <class B, class E>
void norm_gemm(E& be, In<B> x, const Norm<B>& norm, Out<B> normed, WeightOf<B> w, Out<B> y,
               const EpilogueOf<B>& epilogue) {
  if constexpr (NormedOps<E, B>) {
    be.norm_gemm(x, norm, normed, w, y, epilogue);
  } else {
    be.rms_norm(x, norm.gain, normed, norm.eps);
    be.gemm(normed, w, y, epilogue);
  }
}

/// See SpreadOps.
template <class B, class E>
void spread_rows(E& be, In<B> x, Span<const Out<B>> to) {
  if constexpr (SpreadOps<E, B>) {
    be.spread_rows(x, to);
  } else {
    for (index_t i = 0; i < to.size(); ++i) be.copy(x.row_range(i, 1), to[i]);
  }
}

/// x = first(x); y = second(x).
template <class B, class E>
void rms_norm_twice(E& be, Out<B> x, const Norm<B>& first, const Norm<B>& second, Out<B> y) {
  if constexpr (NormTwiceOps<E, B>) {
    be.rms_norm_twice(x, first, second, y);
  } else {
    be.rms_norm(x, first.gain, x, first.eps);
    be.rms_norm(x, second.gain, y, second.eps);
  }
}

}  // namespace proxyv::inline v0
