// From a picture on the host to the first token there: preprocessing on the CPU, then encoder, projector,
// prefill and the choice of a token on the card, without a copy back in between.
#pragma once

#include <chrono>

#include "bench/cuda/encoder_bench.hpp"
#include "bench/shared/picture.hpp"

namespace cuda_bench {

/// What sees: an encoder and a projector of random weights, and the pixels they look at.
class Eye {
 public:
  Eye(const pv::ClipConfig& clip, index_t hidden, cudaStream_t stream)
      : processor_(anyres_for(clip)),
        picture_(noise_picture(clip)),
        rows_(crops * clip.patches()),
        width_(clip.patch_width()),
        features_(clip.hidden),
        be_({.workspace_bytes = std::size_t{256} << 20, .stream = stream}),
        tower_(be_, clip, hidden,
               pv::detail::RandomVisitor<Engine, Engine>(be_, {.seed = 1, .type = pv::DType::bf16}, store_)),
        pixels_(pv::host_buffer<float>(rows_ * width_)) {}

  void preprocess() { processor_.patches(picture_, pixels_.matrix(rows_, width_)); }
  /// tokens [rows, hidden] out, on the card.
  void look(pv::Out<Engine> tokens) {
    auto frame = be_.frame();
    const auto patches = frame.matrix(rows_, width_), seen = frame.matrix(rows_, features_);
    be_.upload(pixels_.matrix(rows_, width_), patches);
    tower_.encoder(be_, patches, seen);
    tower_.projector(be_, seen, tokens);
  }
  template <class Work>
  void tune(Work&& work) {
    be_.tune(std::forward<Work>(work));
  }

 private:
  pv::ImageProcessor processor_;
  pv::Image picture_;
  index_t rows_, width_, features_;
  Engine be_;
  pv::WeightStore<Engine> store_;
  bench::VisionTower<Engine> tower_;
  pv::Buffer<float> pixels_;
};

/// Milliseconds on the host's clock, each call after 50 ms of idleness; beside them the part before the card
/// works.
inline void add_first_token(const Case& c) {
  const NamedEncoder which = encoders().front();
  const std::string name = "pipeline/" + c.model + "+" + which.name + "/" + c.name + "/first_token";
  add_benchmark(name, [=](benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
    Stage& stage = Stage::of(c);
    Engine& be = stage.on().be;
    Eye eye(which.config, c.config.hidden, be.stream());
    const auto next = be.alloc<std::int32_t>(1);
    const pv::Out<Engine> tokens = stage.prefill().vision();
    eye.tune([&] { eye.look(tokens); });
    Milliseconds times, on_host;
    for (int i = -2; i < 8; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      pv::TokenId token = -1;
      const auto begin = Clock::now();
      eye.preprocess();
      const auto seen = Clock::now();
      eye.look(tokens);
      stage.replay();
      be.sample(stage.prefill().logits(), {}, std::uint64_t{0}, next.span());
      be.download(pv::Ids<Engine>(next.span()), pv::Span<pv::TokenId>(&token, 1));
      if (token < 0 || token >= c.config.vocab)
        return state.SkipWithError("the token is none of the vocabulary");
      if (i < 0) continue;
      times.push_back(ms(Clock::now() - begin));
      on_host.push_back(ms(seen - begin));
    }
    report(state, times);
    state.counters["preprocess_ms"] = median(on_host);
  });
}

}  // namespace cuda_bench
