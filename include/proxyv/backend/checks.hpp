// Shape checks at an engine's door, shared by all engines so that they refuse in the same words.
#pragma once

#include <string>

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/overlap.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {
namespace check {

/// Refuses a weight packed by an engine with other panels than this one's; `panel` 0: this engine reads rows alone.
template <class W>
void layout(const char* op, const char* name, const W& w, index_t panel) {
  PROXYV_CHECK(!w.packed() || w.panel() == panel, ArgumentError, op, ": ", name, " ", shape_text(w.rows(), w.cols()),
               " is packed in panels of ", w.panel(), " rows, this engine reads ", panel == 0 ? "rows" : "panels of ",
               panel == 0 ? "" : std::to_string(panel));
}

template <class X, class W, class Y, class T, class S>
void gemm(const X& x, const W& w, const Y& y, const Epilogue<T, S>& e, index_t panel = 0) {
  layout("gemm", "w", w, panel);
  PROXYV_CHECK(x.cols() == w.cols() && y.rows() == x.rows() && y.cols() == w.rows(), ShapeError, "gemm: x ",
               shape_text(x.rows(), x.cols()), ", w ", shape_text(w.rows(), w.cols()), " -> y ", shape_text(y.rows(), y.cols()),
               ", wanted [m, k], [n, k] -> [m, n]");
  PROXYV_CHECK(e.bias.empty() || e.bias.size() == y.cols(), ShapeError, "gemm: bias of ", e.bias.size(), ", wanted ", y.cols());
  PROXYV_CHECK(e.beta == 0.f || e.beta == 1.f, ArgumentError, "gemm: beta ", e.beta, ", wanted 0 or 1");
  apart("gemm", "x", x, y);
  apart("gemm", "w", w, y);
}

template <class X, class Z, class Y>
void product(const X& x, const Z& z, const Y& y, float beta) {
  PROXYV_CHECK(x.cols() == z.rows() && y.rows() == x.rows() && y.cols() == z.cols(), ShapeError, "product: x ",
               shape_text(x.rows(), x.cols()), ", z ", shape_text(z.rows(), z.cols()), " -> y ", shape_text(y.rows(), y.cols()),
               ", wanted [m, k], [k, n] -> [m, n]");
  PROXYV_CHECK(beta == 0.f || beta == 1.f, ArgumentError, "product: beta ", beta, ", wanted 0 or 1");
  apart("product", "x", x, y);
  apart("product", "z", z, y);
}

template <class X, class Y>
void same_shape(const char* op, const X& x, const Y& y) {
  PROXYV_CHECK(x.rows() == y.rows() && x.cols() == y.cols(), ShapeError, op, ": x ", shape_text(x.rows(), x.cols()), ", y ",
               shape_text(y.rows(), y.cols()), ", wanted equal shapes");
}

template <class X, class G>
void gain(const char* op, const X& x, const G& gain) {
  PROXYV_CHECK(gain.size() == x.cols(), ShapeError, op, ": gain of ", gain.size(), ", wanted ", x.cols());
}

template <class Positions, class T>
void rotary_table(const Positions& positions, const Rotary& rotary, const T& table) {
  PROXYV_CHECK(rotary.head_dim > 0 && rotary.head_dim % 2 == 0, ShapeError, "rotary: head size ", rotary.head_dim,
               ", wanted an even number");
  PROXYV_CHECK(!rotary.scaling.present() || rotary.scaling.pairs == rotary.head_dim / 2, ShapeError, "rotary: scaling of ",
               rotary.scaling.pairs, " pairs, wanted ", rotary.head_dim / 2);
  PROXYV_CHECK(table.rows() == positions.size() && table.cols() == rotary.head_dim, ShapeError, "rotary: table ",
               shape_text(table.rows(), table.cols()), ", wanted ", shape_text(positions.size(), rotary.head_dim));
}

template <class X, class T>
void rotate(const X& x, const T& table) {
  PROXYV_CHECK(table.rows() == x.rows() && table.cols() > 0 && x.cols() % table.cols() == 0, ShapeError, "rotate: x ",
               shape_text(x.rows(), x.cols()), ", table ", shape_text(table.rows(), table.cols()),
               ", wanted equal rows and whole heads");
}

template <class X, class W, class Y>
void swiglu(const X& x, const W& gate, const W& up, const Y& y, index_t panel = 0) {
  layout("swiglu", "gate", gate, panel);
  layout("swiglu", "up", up, panel);
  PROXYV_CHECK(gate.cols() == x.cols() && up.cols() == x.cols() && gate.rows() == up.rows() && y.rows() == x.rows() &&
                   y.cols() == gate.rows(),
               ShapeError, "swiglu: x ", shape_text(x.rows(), x.cols()), ", gate ", shape_text(gate.rows(), gate.cols()), ", up ",
               shape_text(up.rows(), up.cols()), " -> y ", shape_text(y.rows(), y.cols()));
  apart("swiglu", "x", x, y);
}

template <class X, class Y, class M>
void softmax_rows(const X& x, const Y& y, const M& table) {
  same_shape("softmax_rows", x, y);
  PROXYV_CHECK(table.empty() || (table.rows() == x.rows() && table.cols() == x.cols()), ShapeError, "softmax_rows: mask ",
               shape_text(table.rows(), table.cols()), ", wanted ", shape_text(x.rows(), x.cols()));
}

template <class X, class I, class Y>
void gather(const char* op, const X& x, const I& ids, const Y& y, index_t panel = 0) {
  if constexpr (requires { x.packed(); }) layout(op, "the table", x, panel);
  PROXYV_CHECK(y.rows() == ids.size() && y.cols() == x.cols(), ShapeError, op, ": ", ids.size(), " ids of rows of ", x.cols(),
               " -> y ", shape_text(y.rows(), y.cols()));
  apart(op, "the table", x, y);
}

template <class X, class I, class Y>
void scatter(const X& x, const I& ids, const Y& y) {
  PROXYV_CHECK(x.rows() == ids.size() && x.cols() == y.cols(), ShapeError, "scatter: x ", shape_text(x.rows(), x.cols()), " to ", ids.size(),
               " rows of ", y.cols());
  apart("scatter", "x", x, y);
}

template <class L, class N>
void sample(const L& logits, const N& next) {
  PROXYV_CHECK(logits.rows() == 1 && logits.cols() > 0 && next.size() == 1, ShapeError, "sample: logits ",
               shape_text(logits.rows(), logits.cols()), " -> ", next.size(), " tokens, wanted one row and one token");
}

template <class Q, class Args, class W>
void attention_weights(const Q& q, const Args& args, const W& weights) {
  args.check_queries(q);
  PROXYV_CHECK(weights.rows() == q.rows() * args.heads.query && weights.cols() == args.keys(), ShapeError, "attention_weights: weights ",
               shape_text(weights.rows(), weights.cols()), ", wanted ", shape_text(q.rows() * args.heads.query, args.keys()));
}

template <class X, class Y>
void sum_rows(const X& x, const Y& y) {
  PROXYV_CHECK(y.rows() == 1 && y.cols() == x.cols(), ShapeError, "sum_rows: x ", shape_text(x.rows(), x.cols()), " -> y ",
               shape_text(y.rows(), y.cols()), ", wanted ", shape_text(1, x.cols()));
  apart("sum_rows", "x", x, y);
}

template <class X, class K>
void keep_top(const X& scores, index_t always, const K& kept) {
  PROXYV_CHECK(scores.rows() == 1 && always >= 0 && always <= kept.size() && kept.size() <= scores.cols(), ShapeError, "keep_top: ", kept.size(),
               " of scores ", shape_text(scores.rows(), scores.cols()), ", ", always, " of them always; wanted one row and always <= kept <= scores");
}

template <class X, class Y>
void same_count(const char* op, const X& x, const Y& y) {
  PROXYV_CHECK(x.size() == y.size(), ShapeError, op, ": ", x.size(), " numbers -> ", y.size(), ", wanted equal counts");
}

template <class X, class Y>
void head_mean(const X& x, index_t heads, const Y& y) {
  PROXYV_CHECK(heads > 0 && y.rows() == x.rows() && y.cols() * heads == x.cols(), ShapeError, "head_mean: x ", shape_text(x.rows(), x.cols()),
               " of ", heads, " heads -> y ", shape_text(y.rows(), y.cols()));
}

template <class M, class K, class I>
void group_rest(const M& metric, const K& kept, const I& targets, const I& merged, const I& to) {
  PROXYV_CHECK(kept.size() + targets.size() + merged.size() == metric.rows() && to.size() == merged.size() && (targets.size() > 0 || merged.size() == 0),
               ShapeError, "group_rest: ", metric.rows(), " rows, ", kept.size(), " kept, ", targets.size(), " targets, ", merged.size(),
               " merged into ", to.size(), "; wanted every row in one of them, and a target when rows are merged");
}

template <class X, class I, class Y>
void add_group_means(const X& x, const I& targets, const I& merged, const I& to, const Y& y) {
  PROXYV_CHECK(y.rows() == targets.size() && y.cols() == x.cols() && to.size() == merged.size(), ShapeError, "add_group_means: x ",
               shape_text(x.rows(), x.cols()), ", ", targets.size(), " targets, ", merged.size(), " merged into ", to.size(), " -> y ",
               shape_text(y.rows(), y.cols()));
  apart("add_group_means", "x", x, y);
}

}  // namespace check
}  // namespace proxyv::inline v0
