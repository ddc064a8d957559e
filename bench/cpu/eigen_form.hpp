// The same work in Eigen's own products, as a user of Eigen would write it: the peer that is always there.
#pragma once

#include "proxyv/eigen.hpp"  // before Eigen: it silences a mistaken warning of GCC 12 about its intrinsics

#include <Eigen/Core>
#include <cmath>

namespace cpu_bench::eigen_form {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Window = Eigen::Map<const Rows, 0, Eigen::OuterStride<>>;
using OutWindow = Eigen::Map<Rows, 0, Eigen::OuterStride<>>;

inline Window window(const proxyv::View<const float>& x) {
  return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.stride())};
}
inline OutWindow window(const proxyv::View<float>& x) {
  return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.stride())};
}

/// y = x w^T
inline void product(const proxyv::View<const float>& x, const proxyv::View<const float>& w,
                    const proxyv::View<float>& y) {
  window(y).noalias() = window(x) * window(w).transpose();
}
/// The same for one row: Eigen's product of a matrix and a vector.
inline void one_row(const proxyv::View<const float>& x, const proxyv::View<const float>& w,
                    const proxyv::View<float>& y) {
  const Eigen::Map<const Eigen::VectorXf> a(x.data(), x.cols());
  Eigen::Map<Eigen::VectorXf>(y.data(), y.cols()).noalias() = window(w) * a;
}

/// The textbook form: all scores of a head in memory. causal: key j is seen by query i when j <= i + keys -
/// queries.
inline void attention(const proxyv::Heads& heads, const proxyv::View<const float>& q,
                      const proxyv::View<const float>& k, const proxyv::View<const float>& v,
                      const proxyv::View<float>& o, bool causal, Rows& scores) {
  const auto dim = heads.dim, queries = q.rows(), keys = k.rows();
  const float scale = 1.f / std::sqrt(static_cast<float>(dim));
  for (proxyv::index_t h = 0; h < heads.query; ++h) {
    const auto kv = h / (heads.query / heads.kv) * dim;
    scores.noalias() = window(q.col_range(h * dim, dim)) * window(k.col_range(kv, dim)).transpose();
    for (proxyv::index_t i = 0; i < queries; ++i) {
      const auto n = causal ? keys - queries + i + 1 : keys;
      auto row = scores.row(i).head(n).array();
      const float top = row.maxCoeff() * scale;
      row = (row * scale - top).exp();
      row *= 1.f / row.sum();
      scores.row(i).tail(keys - n).setZero();
    }
    window(o.col_range(h * dim, dim)).noalias() = scores * window(v.col_range(kv, dim));
  }
}

}  // namespace cpu_bench::eigen_form
