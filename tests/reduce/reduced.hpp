// Tiny decoders that drop tokens, for the tests of this folder.
#pragma once

#include <vector>

#include "model/tiny.hpp"
#include "proxyv/eigen.hpp"
#include "proxyv/reduce/drop_stack.hpp"

namespace reduced {

using namespace tiny;

inline RuntimeConfig with(RuntimeConfig c, const DropSchedule& drops) {
  c.reduction.drops = drops;
  return c;
}
inline DropSchedule per_crop(DropSchedule drops) {
  drops.per_crop = true;
  return drops;
}
inline const DropSchedule pyramid = DropSchedule::pyramid_drop({1, 3}, {0.5, 0.25});
inline const DropSchedule fast = DropSchedule::fast_v(2, 0.5);

/// What a hook gathers of drops.
struct Drops {
  std::vector<index_t> layers;
  std::vector<std::vector<std::int32_t>> kept, positions;
  std::vector<std::vector<float>> scores;

  template <class B>
  void operator()(const DropEvent<B>& drop) {
    layers.push_back(drop.layer);
    kept.emplace_back(drop.kept.begin(), drop.kept.end());
    positions.emplace_back(drop.positions.begin(), drop.positions.end());
    scores.push_back(small::values(drop.scores));
  }
  template <class B>
  void operator()(const LayerEvent<B>&) {}
};

/// Logits of a prompt on a new engine of exactly the workspace that was planned.
template <class Model>
std::vector<float> logits(const Model& model, const Question& q, const PrefillOptions& how = {}) {
  using B = typename Model::backend;
  B be(options(model.plan_prefill(q.layout, how).workspace));
  return prefill(model, be, q, how).logits;
}

}  // namespace reduced
