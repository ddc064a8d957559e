// The pieces of docs/cuda.md, together one program.
#include <cstdio>
#include <vector>

#include "proxyv/cuda.hpp"

namespace pv = proxyv;
using pv::index_t;

struct Small : pv::presets::Tiny {
  static constexpr index_t hidden = 256, head_dim = 64, ffn = 512;
  static constexpr index_t update_inner = pv::reference_update_inner(hidden);
};

int main() {
  if (pv::cuda::device_count() == 0) {
    std::puts("no CUDA device: nothing to run");
    return 0;
  }
  using B = pv::CudaBackend<pv::bf16>;           // the engine; f16 and float work too
  using Model = pv::ProxyDecoder<B, Small>;      // the model type, as on the CPU

  B maker({});                                   // an engine without workspace: enough to make weights
  const Model model = pv::random_decoder<Model>(maker, Small{}, {.seed = 1, .type = pv::DType::bf16});

  const std::vector<pv::TokenId> ids{1, pv::image_token, 2, 3};
  const pv::ImageSlot picture{2};
  const pv::TokenLayout layout({ids.data(), 4}, {&picture, 1}, model.crop_shape());

  cudaStream_t yours = nullptr;
  pv::cuda::check(cudaStreamCreateWithFlags(&yours, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "main");
  {
    B be({.workspace_bytes = pv::workspace_bytes(model, layout), .stream = yours});
    const auto features = pv::cuda::device_buffer<pv::bf16>(layout.vision() * Small::hidden);
    be.fill_uniform(features.data(), features.size(), 7, 1.f, 0.f);   // your projected image features
    const pv::Prompt<B> prompt{layout, features.matrix(layout.vision(), Small::hidden)};

    pv::Session<Model> chat(be, model, layout.rows() + 32);
    chat.start(prompt);
    const auto tokens = chat.generate({.max_tokens = 8});             // one launch a token
    std::printf("%zu tokens\n", tokens.size());

    pv::KvCache<B> cache(be, model.cache_shape(layout.rows()));
    const auto logits = pv::cuda::device_buffer<pv::bf16>(Small::vocab);
    const auto prefill = [&] {
      cache.clear();
      model.prefill(be, prompt, cache, logits.matrix(1, Small::vocab));
    };
    be.tune(prefill);                              // measure each product's candidates once
    be.save_plans("/tmp/proxyv_plans.txt");        // next time: be.load_plans(...)
    auto graph = be.record(prefill);               // record a prompt of this shape once ...
    be.replay(graph);                              // ... and run it with one launch, on what now lies in `features`
    be.sync();
    std::printf("%zu nodes in one launch\n", graph.nodes());
  }
  cudaStreamDestroy(yours);
}
