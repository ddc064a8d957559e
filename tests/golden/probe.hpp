// Probe: an engine that lets every op through to another engine and keeps copies of intermediate
// results that layers do not hand out. An example of an own engine that overrides a few ops.
#pragma once

#include <vector>

#include "proxyv/backend/concepts.hpp"

namespace golden {

using namespace proxyv;

template <class Engine>
class Probe : public Engine {
 public:
  using Engine::Engine;

  /// Starts a fresh recording.
  void record() {
    attention_outputs_.clear();
    recording_ = true;
  }
  void stop() { recording_ = false; }

  /// Of each attention since record(): its output projection, before the residual is added, [queries,
  /// hidden].
  const std::vector<std::vector<float>>& attention_outputs() const { return attention_outputs_; }
  /// Result of the last RMSNorm of one row.
  const std::vector<float>& last_norm() const { return last_norm_; }

  void attention(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& args) {
    Engine::attention(q, o, args);
    after_attention_ = true;
  }

  /// The first product after an attention that adds to its output is the output projection.
  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    if (after_attention_ && e.beta != 0.f) {
      after_attention_ = false;
      if (recording_) keep_projection(x, w, e);
    }
    Engine::gemm(x, w, y, e);
  }

  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    Engine::rms_norm(x, gain, y, eps);
    if (recording_ && y.rows() == 1) last_norm_.assign(y.data(), y.data() + y.cols());
  }

 private:
  void keep_projection(View<const float> x, Weight<> w, Epilogue<float, HostSpace> e) {
    auto& kept = attention_outputs_.emplace_back(static_cast<std::size_t>(x.rows() * w.rows()));
    e.beta = 0.f;
    Engine::gemm(x, w, View<float>(kept.data(), x.rows(), w.rows()), e);
  }

  bool recording_ = false;
  bool after_attention_ = false;
  std::vector<float> last_norm_;
  std::vector<std::vector<float>> attention_outputs_;
};

}  // namespace golden
