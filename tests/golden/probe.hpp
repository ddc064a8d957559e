// Probe: an engine that lets every op of the contract through to another engine and keeps copies of
// intermediate results that layers do not hand out. An example of an own engine that overrides a few ops.
#pragma once

#include <vector>

#include "golden/tensors.hpp"
#include "proxyv/backend/fused.hpp"

namespace golden {

/// Whether an engine offers ops beyond the contract, behind which a Probe could not look.
template <class Engine>
concept Fuses = HeadsOps<Engine> || NormedOps<Engine> || NormTwiceOps<Engine> || UpdateOps<Engine> ||
    GroupOps<Engine> || GraphOps<Engine>;

template <class Engine>
class Probe : public Engine {
 public:
  using Engine::Engine;

  // The engine's ops beyond the contract (backend/fused.hpp) are hidden: layers then call the ops that they
  // are made of, in order, and sessions feed each token anew.
  void project_heads() = delete;
  void norm_gemm() = delete;
  void norm_swiglu() = delete;
  void norm_heads() = delete;
  void rms_norm_twice() = delete;
  void silu_add_upsampled() = delete;
  void begin_group() = delete;
  void record() = delete;

  /// Starts keeping, from nothing.
  void start_keeping() {
    attention_outputs_.clear();
    keeping_ = true;
  }
  void stop_keeping() { keeping_ = false; }

  /// Of each attention since start_keeping(): its output projection, before the residual is added,
  /// [queries, hidden].
  const std::vector<std::vector<float>>& attention_outputs() const { return attention_outputs_; }
  /// Result of the last RMSNorm of one row.
  const std::vector<float>& last_norm() const { return last_norm_; }

  /// A row of the last RMSNorm.
  std::vector<float> last_norm_row(index_t row) const {
    const auto begin = last_rows_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * last_width_);
    return {begin, begin + static_cast<std::ptrdiff_t>(last_width_)};
  }

  void attention(In<Engine> q, Out<Engine> o, const AttentionArgsOf<Engine>& args) {
    Engine::attention(q, o, args);
    after_attention_ = true;
  }

  /// The first product after an attention that adds to its output is the output projection.
  void gemm(In<Engine> x, WeightOf<Engine> w, Out<Engine> y, EpilogueOf<Engine> e) {
    if (after_attention_ && e.beta != 0.f) {
      after_attention_ = false;
      if (keeping_) keep_projection(x, w, e);
    }
    Engine::gemm(x, w, y, e);
  }

  void rms_norm(In<Engine> x, Vec<Engine> gain, Out<Engine> y, float eps) {
    Engine::rms_norm(x, gain, y, eps);
    if (!keeping_) return;
    if (y.rows() == 1) last_norm_ = read<Engine>(*this, y);
    last_rows_ = read<Engine>(*this, y);
    last_width_ = static_cast<std::size_t>(y.cols());
  }

 private:
  void keep_projection(In<Engine> x, WeightOf<Engine> w, EpilogueOf<Engine> e) {
    const Tensor<Engine> kept(*this, x.rows(), w.rows());
    e.beta = 0.f;
    Engine::gemm(x, w, kept.view(), e);
    attention_outputs_.push_back(read<Engine>(*this, kept.view()));
  }

  bool keeping_ = false;
  bool after_attention_ = false;
  std::vector<float> last_norm_, last_rows_;
  std::size_t last_width_ = 0;
  std::vector<std::vector<float>> attention_outputs_;
};

/// Whether B is a Probe.
template <class B>
concept Probing = requires(B& be) {
  be.attention_outputs();
};

}  // namespace golden
