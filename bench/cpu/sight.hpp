// From a picture to vision tokens: preprocessing, encoder and projector, with random or with loaded weights.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "bench/cpu/operands.hpp"
#include "bench/shared/picture.hpp"
#include "examples/cli/bench/vision_tower.hpp"
#include "proxyv/model/random.hpp"

namespace cpu_bench {

class Sight {
 public:
  /// visit: a visitor that fills weights, drawn or loaded; `store` owns them.
  template <class Visitor>
  Sight(Engine& be, const pv::ClipConfig& clip, pv::ImageProcessor processor, index_t hidden, Visitor&& visit,
        std::shared_ptr<pv::WeightStore<Engine>> store)
      : processor_(std::move(processor)),
        hidden_(hidden),
        store_(std::move(store)),
        tower_(be, clip, hidden, visit) {}

  index_t crops(const pv::Image& picture) const {
    return processor_.count_crops(picture.width(), picture.height());
  }
  index_t tokens(index_t crops) const { return crops * tower_.encoder.config().patches(); }

  /// Pixels, normalised and cut into patches.
  pv::Buffer<float> patches(const pv::Image& picture) const {
    const index_t rows = tokens(crops(picture)), width = processor_.values_per_patch();
    auto out = pv::host_buffer<float>(rows * width);
    processor_.patches(picture, out.matrix(rows, width));
    return out;
  }
  /// tokens [rows, hidden] out, of patches [rows, width].
  template <class E>
  void look(E& be, pv::View<const float> patches, pv::View<float> tokens) const {
    auto frame = be.frame();
    auto features = frame.matrix(patches.rows(), tower_.encoder.config().hidden);
    tower_.encoder(be, patches, features);
    tower_.projector(be, features, tokens);
  }
  /// From a picture to tokens, preprocessing included.
  template <class E>
  void see(E& be, const pv::Image& picture, pv::View<float> to) const {
    const pv::Buffer<float> pixels = patches(picture);
    look(be, pixels.matrix(to.rows(), processor_.values_per_patch()), to);
  }
  pv::Cost cost(index_t crops) const {
    pv::PlanBackend<Engine> plan;
    look(plan, {nullptr, tokens(crops), processor_.values_per_patch()}, {nullptr, tokens(crops), hidden_});
    return plan.cost();
  }

 private:
  pv::ImageProcessor processor_;
  index_t hidden_;
  std::shared_ptr<pv::WeightStore<Engine>> store_;
  bench::VisionTower<Engine> tower_;
};

/// An encoder and a projector of random weights.
inline std::shared_ptr<Sight> random_sight(Engine& be, const pv::ClipConfig& clip, index_t hidden,
                                           pv::DType type) {
  auto store = std::make_shared<pv::WeightStore<Engine>>();
  const pv::RandomOptions options{.seed = 1, .type = type, .pack = true};
  pv::detail::RandomVisitor<Engine, Engine> draw(be, options, *store);
  return std::make_shared<Sight>(be, clip, anyres_for(clip), hidden, draw, store);
}

inline void add_encoder(const Settings& s, const NamedEncoder& which, index_t hidden) {
  for (const pv::DType type : {pv::DType::f32, pv::DType::bf16})
    for (const index_t count : {1, crops})
      add(s, "encoder/" + which.name + "/crops_" + std::to_string(count) + "/" + type_name(type),
          [=](int threads) -> std::pair<Amount, Call> {
            Engine loader({.threads = threads});
            const auto sight = random_sight(loader, which.config, hidden, type);
            const pv::Cost cost = sight->cost(count);
            auto o = std::make_shared<Operands>(threads, cost.workspace);
            const index_t rows = sight->tokens(count);
            const auto patches = o->tensor(rows, which.config.patch_width()),
                       tokens = o->tensor(rows, hidden);
            const Amount amount{
                .flops = cost.flops(), .bytes = cost.bytes, .tokens = static_cast<double>(rows)};
            return on(o, amount, [=](Engine& be) { sight->look(be, patches, tokens); });
          });
}

}  // namespace cpu_bench
