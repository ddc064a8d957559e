// Whole decoders on the prompt of the paper: its prefill by variant and start layer, and a token after
// contexts of several lengths. Random weights.
#pragma once

#include "bench/cpu/layer_bench.hpp"

namespace cpu_bench {

/// A decoder to prefill: which, from which layer on, in which form.
struct PrefillCase {
  std::string name{};
  Attends attends = Attends::all_rows;
  pv::Study study = pv::Study::none;
  index_t start = -1;  ///< -1: none, every layer is plain
  pv::Savings savings{};
};

/// Visible pairs of all layers. With dead rows saved the last layer has one query, which sees every row.
inline double prefill_pairs(const pv::TokenLayout& layout, const PrefillCase& which, index_t layers) {
  const index_t start = which.start < 0 ? layers : which.start;
  const index_t whole = which.savings.dead_rows ? layers - 1 : layers;
  const index_t plain = std::min(start, whole);
  const double one = which.savings.dead_rows ? static_cast<double>(layout.rows()) : 0.0;
  return static_cast<double>(plain) * visible_pairs(layout, Attends::all_rows) +
         static_cast<double>(whole - plain) * visible_pairs(layout, which.attends) + one;
}

template <class Model>
void add_prefill(const Settings& s, const std::string& name, const PrefillCase& which, const Numbers& type) {
  pv::RuntimeConfig c = starting_at(model(name), which.start < 0 ? model(name).layers : which.start);
  c.study.kind = which.study;
  if constexpr (Model::uses_proxies) c.learned_proxies = std::same_as<Model, pv::LearnedProxyDecoder<Engine>>;
  add(s, "prefill/" + name + "/" + which.name + "/" + type.name(),
      [=](int threads) -> std::pair<Amount, Call> {
        const pv::PrefillOptions form{.savings = which.savings};
        auto m = std::make_shared<LoadedModel<Model>>(c, type, threads, form);
        const pv::Cost cost = m->model.plan_prefill(m->layout, form);
        const double pairs = prefill_pairs(m->layout, which, c.layers);
        const Amount amount{
            .flops = cost.linear_flops + 4.0 * pairs * static_cast<double>(c.heads * c.head_dim),
            .bytes = cost.bytes,
            .tokens = static_cast<double>(m->layout.rows()),
            .against = type.peak()};
        return {amount, timed([=] { m->prefill(form); })};
      });
}

/// A token after a cache of noise: what a token costs does not depend on what the cache holds.
inline void add_decode(const Settings& s, const std::string& name, index_t context, pv::DType type) {
  using Model = pv::PlainDecoder<Engine>;
  const pv::RuntimeConfig c = starting_at(model(name), model(name).layers);
  add(s, "decode/" + name + "/after_" + std::to_string(context) + "/" + type_name(type),
      [=](int threads) -> std::pair<Amount, Call> {
        auto m = std::make_shared<LoadedModel<Model>>(c, type, threads, pv::PrefillOptions{}, context);
        for (index_t layer = 0; layer < c.layers; ++layer) {
          for (const auto& plane : {m->cache.keys(layer, 0, context), m->cache.values(layer, 0, context)})
            fill_noise(plane.data(), plane.size());
        }
        m->cache.commit(context, context);
        const pv::Cost cost = m->model.plan_append(context);
        const Amount amount{
            .flops = cost.flops(), .bytes = cost.bytes, .tokens = 1.0, .against = Ceiling::read};
        return {amount, timed([=, next = pv::TokenId{7}]() mutable {
                  m->model.append(m->be, pv::Span<const pv::TokenId>(&next, 1), m->cache,
                                  m->logits.matrix(1, c.vocab));
                  m->be.sample(m->logits.matrix(1, c.vocab), {}, std::uint64_t{0},
                               pv::Span<pv::TokenId>(&next, 1));
                  m->cache.truncate(context, context);
                })};
      });
}

/// Prefills of one model with its variants at `start`, ProxyV at the other layers as well.
inline void add_prefills(const Settings& s, const std::string& name, index_t start,
                         std::initializer_list<index_t> others) {
  using Plain = pv::PlainDecoder<Engine>;
  using Proxy = pv::ProxyDecoder<Engine>;
  using Learned = pv::LearnedProxyDecoder<Engine>;
  using Studies = pv::StudyDecoder<Engine>;
  const auto from = [](const char* variant, index_t layer) {
    return std::string(variant) + "_L" + std::to_string(layer);
  };
  for (const Numbers& type : all_numbers()) {
    add_prefill<Plain>(s, name, {.name = "baseline"}, type);
    add_prefill<Proxy>(s, name, {from("proxyv", start), Attends::with_proxy, pv::Study::none, start}, type);
  }
  constexpr pv::DType type = pv::DType::bf16;
  add_prefill<Proxy>(
      s, name,
      {from("proxyv_plain_form", start), Attends::with_proxy, pv::Study::none, start, pv::Savings::none()},
      type);
  for (const index_t other : others)
    add_prefill<Proxy>(s, name, {from("proxyv", other), Attends::with_proxy, pv::Study::none, other}, type);
  add_prefill<Learned>(s, name, {from("learned", start), Attends::with_proxy, pv::Study::none, start}, type);
  add_prefill<Studies>(s, name, {from("mask", start), Attends::masked, pv::Study::mask_v2v, start}, type);
  add_prefill<Studies>(
      s, name, {from("attn-drop", start), Attends::rest_only, pv::Study::attn_skip_drop, start}, type);
  add_prefill<Studies>(
      s, name, {from("attn-keep", start), Attends::rest_only, pv::Study::attn_skip_keep, start}, type);
  add_prefill<Studies>(s, name,
                       {from("attn-ffn", start), Attends::rest_only, pv::Study::attn_ffn_skip, start}, type);
}

inline void add_decodes(const Settings& s, const std::string& name, std::initializer_list<index_t> contexts) {
  for (const index_t context : contexts)
    for (const pv::DType type : {pv::DType::f32, pv::DType::bf16}) add_decode(s, name, context, type);
}

}  // namespace cpu_bench
