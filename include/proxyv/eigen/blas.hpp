// EigenBlasBackend: the CPU engine with its large f32 products by Eigen, and so by the BLAS that Eigen is
// told to use.
//
// EigenBackend's products are its own kernels; EIGEN_USE_BLAS means nothing to them. This engine is for CPUs
// where a BLAS is better than our portable kernels (no x86-64), and for programs that must keep to one
// library. Not part of proxyv/eigen.hpp.
#pragma once

#include "proxyv/eigen/backend.hpp"
#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {

/// As EigenBackend, but gemm, product and swiglu of more than 16 rows with f32 weights are Eigen products:
/// define EIGEN_USE_BLAS in all files of the program and link a BLAS, and they are its sgemm. Weights of 16
/// bits, few rows and all other ops are EigenBackend's.
///
/// Eigen and the BLAS split those products among threads of their own choice (Eigen::setNbThreads,
/// OPENBLAS_NUM_THREADS), may allocate in them, and may differ in their last bits from one number of threads
/// to another.
class EigenBlasBackend : public EigenBackend {
  using Rows = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                          Eigen::OuterStride<>>;
  using ConstRows = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                               Eigen::OuterStride<>>;

 public:
  /// swiglu takes a frame of so many rows, which plans count.
  static constexpr index_t swiglu_scratch_rows = 1024;

  using EigenBackend::EigenBackend;

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    if (!takes(x, w)) return EigenBackend::gemm(x, w, y, e);
    check::gemm(x, w, y, e);
    multiply(map(x), map(w).transpose(), y, e.beta);
    finish(y, e.bias.empty() ? nullptr : e.bias.data(), e.act);
  }

  void product(View<const float> x, View<const float> z, View<float> y, float beta) {
    if (x.rows() <= detail::gemv_rows || x.cols() == 0 || y.cols() == 0)
      return EigenBackend::product(x, z, y, beta);
    check::product(x, z, y, beta);
    multiply(map(x), map(z), y, beta);
  }

  void swiglu(View<const float> x, Weight<> gate, Weight<> up, View<float> y) {
    if (!takes(x, gate) || !takes(x, up)) return EigenBackend::swiglu(x, gate, up, y);
    check::swiglu(x, gate, up, y);
    auto frame = this->frame();
    const auto ups = frame.matrix(std::min(y.rows(), swiglu_scratch_rows), y.cols());
    for (index_t i = 0; i < y.rows(); i += swiglu_scratch_rows) {
      const index_t n = std::min(swiglu_scratch_rows, y.rows() - i);
      const auto to = y.row_range(i, n);
      multiply(map(x.row_range(i, n)), map(gate).transpose(), to, 0.f);
      multiply(map(x.row_range(i, n)), map(up).transpose(), ups.row_range(0, n), 0.f);
      detail::each_row(team(), n, y.cols(), [&](index_t r) {
        kernels().gate_tile(to.row(r), to.stride(), ups.row(r), ups.stride(), 1, y.cols());
      });
    }
  }

  /// Weights stay in rows: panels are EigenBackend's.
  void pack_weight(Weight<> w, std::byte* to) = delete;

 private:
  static bool takes(const View<const float>& x, const Weight<>& w) {
    return w.type() == DType::f32 && !w.packed() && x.rows() > detail::gemv_rows && x.cols() > 0 &&
           w.rows() > 0;
  }

  static ConstRows map(const View<const float>& x) {
    return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.stride())};
  }
  static ConstRows map(const Weight<>& w) {
    return {static_cast<const float*>(w.data()), w.rows(), w.cols(), Eigen::OuterStride<>(w.cols())};
  }

  template <class A, class B>
  static void multiply(const A& a, const B& b, const View<float>& y, float beta) {
    Rows out(y.data(), y.rows(), y.cols(), Eigen::OuterStride<>(y.stride()));
    if (beta == 0.f) out.noalias() = a * b;
    else out.noalias() += a * b;
  }

  void finish(const View<float>& y, const float* bias, Act act) const {
    if (bias == nullptr && act == Act::none) return;
    detail::each_row(team(), y.rows(), y.cols(),
                     [&](index_t i) { kernels().finish_tile(act, bias, y.row(i), y.stride(), 1, y.cols()); });
  }
};

static_assert(Backend<EigenBlasBackend> && RankOps<EigenBlasBackend> && MergeOps<EigenBlasBackend>);

}  // namespace proxyv::inline v0
