// From a picture of noise to the first token, at sizes that people use: preprocessing, encoder, projector,
// prefill.
#pragma once

#include "bench/cpu/model_bench.hpp"
#include "bench/cpu/sight.hpp"

namespace cpu_bench {

template <class Model>
void add_first_token(const Settings& s, const std::string& name, const NamedEncoder& encoder,
                     const PrefillCase& which) {
  const pv::RuntimeConfig c = starting_at(model(name), which.start < 0 ? model(name).layers : which.start);
  add(s, "pipeline/" + name + "+" + encoder.name + "/" + which.name + "/first_token/bf16",
      [=](int threads) -> std::pair<Amount, Call> {
        auto m = std::make_shared<LoadedModel<Model>>(c, pv::DType::bf16, threads, pv::PrefillOptions{});
        Engine loader({.threads = threads});
        const auto sight = random_sight(loader, encoder.config, c.hidden, pv::DType::bf16);
        const pv::Cost seeing = sight->cost(crops), reading = m->model.plan_prefill(m->layout);
        const auto eye = std::make_shared<Engine>(
            pv::HostOptions{.threads = threads, .workspace_bytes = seeing.workspace});
        const double pairs = prefill_pairs(m->layout, which, c.layers);
        const Amount amount{.flops = seeing.flops() + reading.linear_flops +
                                     4.0 * pairs * static_cast<double>(c.heads * c.head_dim),
                            .bytes = seeing.bytes + reading.bytes,
                            .tokens = static_cast<double>(m->layout.rows())};
        return {amount, timed([=, picture = noise_picture(encoder.config), next = pv::TokenId{0}]() mutable {
                  sight->see(*eye, picture, m->vision.matrix(m->layout.vision(), c.hidden));
                  m->prefill({});
                  m->be.sample(m->logits.matrix(1, c.vocab), {}, std::uint64_t{0},
                               pv::Span<pv::TokenId>(&next, 1));
                })};
      });
}

}  // namespace cpu_bench
