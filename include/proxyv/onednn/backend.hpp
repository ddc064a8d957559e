// OneDnnBackend: the CPU engine with products and layer norms by oneDNN. Optional: proxyv::onednn.
//
// How a third engine plugs in: it derives from one that is whole, replaces the ops it does better, and hands
// what its library cannot do to the engine below. It is also the yardstick of the CPU benchmarks.
#pragma once

#include <algorithm>

#include "proxyv/eigen/backend.hpp"
#include "proxyv/onednn/primitives.hpp"

namespace proxyv::inline v0 {

/// As EigenBackend, but gemm, product, swiglu and layer_norm run in oneDNN. f16 weights and weights in panels
/// go to EigenBackend.
///
/// Unlike the other engines it allocates in ops: when a shape first comes up its primitive is made (tenths of
/// a millisecond) and the scratchpad may grow; oneDNN takes a few small blocks on each call. Results may
/// depend on the number of threads in their last bits. A pool of the caller's serves EigenBackend's ops;
/// oneDNN has OpenMP's threads. Without OpenMP in the program `threads` reaches EigenBackend's ops alone:
/// oneDNN then uses as many as its own OpenMP pleases.
class OneDnnBackend : public EigenBackend {
 public:
  /// swiglu takes a frame of so many rows, which plans count.
  static constexpr index_t swiglu_scratch_rows = 1024;

  /// Precision as EigenBackend has it: oneDNN 2.x has no product of f32 and bf16, so that with Precision::f32
  /// bf16 weights are EigenBackend's, and with bf16_products oneDNN's; a prompt's attention is
  /// EigenBackend's. Throws ArgumentError where the CPU lacks the precision.
  explicit OneDnnBackend(const HostOptions& options, Precision precision = Precision::f32)
      : EigenBackend(options, default_cpu_level(), precision), primitives_(threads()) {}

  /// Shapes met so far, and bytes of the scratchpad that they share.
  std::size_t primitives() const { return primitives_.count(); }
  std::size_t scratchpad_bytes() const { return primitives_.scratch_bytes(); }

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    if (!takes(w, x.rows())) return EigenBackend::gemm(x, w, y, e);
    check::gemm(x, w, y, e);
    multiply(operand(x, w.type()), w, y,
             {.bias = e.bias.empty() ? nullptr : e.bias.data(), .beta = e.beta, .act = e.act});
  }

  void product(View<const float> x, View<const float> z, View<float> y, float beta) {
    if (x.size() == 0 || y.size() == 0) return EigenBackend::product(x, z, y, beta);
    check::product(x, z, y, beta);
    primitives_.multiply({.rows = x.rows(),
                          .depth = x.cols(),
                          .cols = y.cols(),
                          .x = x.data(),
                          .x_stride = x.stride(),
                          .b = z.data(),
                          .b_stride = z.stride(),
                          .b_is_rows = false,
                          .y = y.data(),
                          .y_stride = y.stride(),
                          .beta = beta});
  }

  void swiglu(View<const float> x, Weight<> gate, Weight<> up, View<float> y) {
    if (!takes(gate, x.rows()) || !takes(up, x.rows())) return EigenBackend::swiglu(x, gate, up, y);
    check::swiglu(x, gate, up, y);
    auto frame = this->frame();
    const index_t most = std::min(y.rows(), swiglu_scratch_rows);
    const View<float> gated = frame.matrix(most, y.cols());
    for (index_t row = 0; row < y.rows(); row += most) {
      const index_t count = std::min(most, y.rows() - row);
      const View<const float> rows = x.row_range(row, count);
      multiply(operand(rows, gate.type()), gate, gated.row_range(0, count), {.act = Act::silu});
      multiply(operand(rows, up.type()), up, y.row_range(row, count), {.by = gated.data()});
    }
  }

  void layer_norm(View<const float> x, Span<const float> gain, Span<const float> bias, View<float> y,
                  float eps) {
    if (x.size() == 0 || !x.contiguous() || !y.contiguous())
      return EigenBackend::layer_norm(x, gain, bias, y, eps);
    check::same_shape("layer_norm", x, y);
    check::gain("layer_norm", x, gain);
    check::gain("layer_norm", x, bias);
    primitives_.layer_norm(x.data(), gain.data(), bias.data(), y.data(), x.rows(), x.cols(), eps);
  }

  /// Weights stay in rows: panels are EigenBackend's.
  void pack_weight(Weight<> w, std::byte* to) = delete;

 private:
  using Product = detail::onednn::Product;

  struct Left {
    const void* data;
    index_t stride;
    index_t rows;
  };

  /// Whether a product of so many rows is oneDNN's.
  bool takes(const Weight<>& w, index_t rows) const {
    if (w.packed() || rows == 0 || w.rows() == 0 || w.cols() == 0) return false;
    return w.type() == DType::f32 ||
           (w.type() == DType::bf16 && rows > 1 && precision() == Precision::bf16_products);
  }

  /// x as a product with such weights wants it: as it is, or rounded, until the next call.
  Left operand(View<const float> x, DType weights) {
    if (weights == DType::f32) return {x.data(), x.stride(), x.rows()};
    if (rounded_.size() < x.size()) rounded_ = host_buffer<bf16>(x.size());
    detail::parallel_for(team(), x.rows(), [&](index_t i, int) {
      bf16* to = rounded_.data() + i * x.cols();
      for (index_t j = 0; j < x.cols(); ++j) to[j] = to_bf16(x(i, j));
    });
    return {rounded_.data(), x.cols(), x.rows()};
  }

  /// y = x w^T with what `p` adds.
  void multiply(const Left& x, const Weight<>& w, View<float> y, Product p) {
    p.rows = x.rows, p.depth = w.cols(), p.cols = w.rows();
    p.type = w.type() == DType::f32 ? detail::onednn::Type::f32 : detail::onednn::Type::bf16;
    p.x = x.data, p.x_stride = x.stride;
    p.b = w.data(), p.b_stride = w.cols();
    p.y = y.data(), p.y_stride = y.stride();
    primitives_.multiply(p);
  }

  detail::onednn::Primitives primitives_;
  Buffer<bf16> rounded_;
};

static_assert(Backend<OneDnnBackend> && RankOps<OneDnnBackend> && MergeOps<OneDnnBackend>);

}  // namespace proxyv::inline v0
