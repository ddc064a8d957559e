// Shape checks at an engine's door, shared by all engines so that they refuse in the same words.
#pragma once

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/overlap.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {
namespace check {

template <class X, class W, class Y, class T, class S>
void gemm(const X& x, const W& w, const Y& y, const Epilogue<T, S>& e) {
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
void swiglu(const X& x, const W& gate, const W& up, const Y& y) {
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
void gather(const char* op, const X& x, const I& ids, const Y& y) {
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

}  // namespace check
}  // namespace proxyv::inline v0
