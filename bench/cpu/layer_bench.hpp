// One decoder layer of each kind on the prompt of the paper, all rows moving on. The layer is a whole decoder
// of one layer, timed by its hook from what enters the layer to what leaves it: embedding, positions and head
// are not in it.
#pragma once

#include <memory>

#include "bench/cpu/operands.hpp"
#include "bench/shared/pairs.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/model/study_stacks.hpp"

namespace cpu_bench {

struct LayerKind {
  std::string name{};
  Attends attends = Attends::all_rows;
  pv::Study study = pv::Study::none;
  bool folded = true;
};

/// A model, a prompt for it, and room for both.
template <class Model>
struct LoadedModel {
  Engine be;
  Model model;
  pv::TokenLayout layout;
  pv::Buffer<float> vision;
  pv::KvCache<Engine> cache;
  pv::Buffer<float> logits;

  LoadedModel(const pv::RuntimeConfig& config, const Numbers& numbers, int threads,
              const pv::PrefillOptions& form, index_t room = 0)
      : LoadedModel(build(config, numbers, threads), numbers.precision, threads, form, room) {}
  LoadedModel(Model&& made, pv::Precision precision, int threads, const pv::PrefillOptions& form,
              index_t room = 0)
      : be({.threads = threads,
            .workspace_bytes = pv::workspace_bytes(made, layout_for(made.crop_shape()), 1, form)},
           pv::default_cpu_level(), precision),
        model(std::move(made)),
        layout(layout_for(model.crop_shape())),
        vision(pv::host_buffer<float>(layout.vision() * model.config().hidden)),
        cache(be, model.cache_shape(layout.rows() + room)),
        logits(pv::host_buffer<float>(model.config().vocab)) {
    fill_noise(vision.data(), vision.size());
  }

  template <class Hook = pv::NoHook>
  void prefill(const pv::PrefillOptions& form, Hook&& hook = {}) {
    cache.clear();
    model.prefill(be, {layout, vision.matrix(layout.vision(), model.config().hidden)}, cache,
                  logits.matrix(1, model.config().vocab), form, hook);
  }

 private:
  static Model build(const pv::RuntimeConfig& config, const Numbers& numbers, int threads) {
    Engine loader({.threads = threads, .workspace_bytes = std::size_t{64} << 20}, pv::default_cpu_level(),
                  numbers.precision);
    return pv::random_decoder<Model>(loader, config, {.seed = 1, .type = numbers.type, .pack = true});
  }
};

inline pv::PrefillOptions layer_form(bool folded) {
  return {.savings = {.folded_update = folded, .split_attention = folded, .dead_rows = false},
          .all_rows = true};
}

/// What the hook sees of the prompt's cost: the layer, without head and without the making of proxies.
template <class Model>
Amount layer_amount(const Model& model, const pv::TokenLayout& layout, const LayerKind& kind,
                    const pv::PrefillOptions& form) {
  const pv::RuntimeConfig& c = model.config();
  const pv::Cost all = model.plan_prefill(layout, form);
  pv::Cost apart;
  if constexpr (Model::uses_proxies) {
    pv::PlanBackend<Engine> plan;
    const pv::Grid grid{.crops = layout.crops(), .side = c.crop_side, .factor = c.proxy_factor};
    const index_t full = layout.vision(), few = layout.proxies();
    model.pool()(plan, {nullptr, full, c.hidden}, {nullptr, few, c.hidden},
                 {nullptr, full, grid.crop_proxies()}, grid);
    apart = plan.cost();
  }
  const double head = 2.0 * static_cast<double>(c.hidden * c.vocab);
  const double attention =
      4.0 * visible_pairs(layout, kind.attends) * static_cast<double>(c.heads * c.head_dim);
  return {.flops = all.linear_flops - apart.linear_flops - head + attention,
          .bytes = all.bytes - apart.bytes,
          .tokens = static_cast<double>(layout.rows())};
}

template <class Model>
void add_layer(const Settings& s, const std::string& name, pv::RuntimeConfig c, const LayerKind& kind,
               const Numbers& type) {
  c.layers = 1;
  c.proxy_start = kind.attends == Attends::all_rows ? 1 : 0;
  c.vocab = 64;
  c.study.kind = kind.study;
  if (kind.study != pv::Study::none) c.proxy_start = 0;
  if constexpr (Model::uses_proxies) c.learned_proxies = std::same_as<Model, pv::LearnedProxyDecoder<Engine>>;
  add(s, "layer/" + name + "/" + kind.name + "/" + type.name(), [=](int threads) -> std::pair<Amount, Call> {
    const pv::PrefillOptions form = layer_form(kind.folded);
    auto m = std::make_shared<LoadedModel<Model>>(c, type, threads, form);
    Amount amount = layer_amount(m->model, m->layout, kind, form);
    amount.against = type.peak();
    return {amount, [=] {
              auto entered = std::chrono::steady_clock::now();
              double seconds = 0.0;
              m->prefill(form, [&](const auto& event) {
                const auto now = std::chrono::steady_clock::now();
                if (event.layer < 0) entered = now;  // with proxies a second time, when they are made
                else seconds = std::chrono::duration<double>(now - entered).count();
              });
              return seconds;
            }};
  });
}

inline void add_layers_of(const Settings& s, const std::string& name) {
  const pv::RuntimeConfig c = model(name);
  for (const Numbers& type : all_numbers()) {
    add_layer<pv::PlainDecoder<Engine>>(s, name, c, {.name = "plain"}, type);
    for (const bool folded : {true, false}) {
      const char* form = folded ? "" : "_plain_form";
      const auto named = [&](const char* variant) {
        return LayerKind{
            .name = std::string(variant) + form, .attends = Attends::with_proxy, .folded = folded};
      };
      add_layer<pv::ProxyDecoder<Engine>>(s, name, c, named("proxyv"), type);
      add_layer<pv::LearnedProxyDecoder<Engine>>(s, name, c, named("learned"), type);
    }
    using Studies = pv::StudyDecoder<Engine>;
    add_layer<Studies>(s, name, c, {"mask", Attends::masked, pv::Study::mask_v2v}, type);
    add_layer<Studies>(s, name, c, {"attn-drop", Attends::rest_only, pv::Study::attn_skip_drop}, type);
    add_layer<Studies>(s, name, c, {"attn-keep", Attends::rest_only, pv::Study::attn_skip_keep}, type);
    add_layer<Studies>(s, name, c, {"attn-ffn", Attends::rest_only, pv::Study::attn_ffn_skip}, type);
  }
}

}  // namespace cpu_bench
