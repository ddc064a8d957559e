// Whole decoders: prefill with and without proxies in one run, and decode. Random weights.
//
// The model: hidden 1024, ffn 2816, 24 layers, 16 heads of 64; 5 crops of 576 vision tokens, 50 of text.
// Counters: tflop (as run), share_of_flops (ProxyV over baseline, for comparison with the times).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "proxyv/eigen.hpp"

namespace {

namespace pv = proxyv;
using pv::index_t;
using Engine = pv::EigenBackend;

struct Medium : pv::presets::Crops24 {
  static constexpr index_t hidden = 1024, layers = 24, heads = 16, kv_heads = 16, head_dim = 64, ffn = 2816, vocab = 32000;
  static constexpr float norm_eps = 1e-5f;
  static constexpr double rope_theta = 10000.0;
  static constexpr bool tied_embeddings = true, qkv_bias = false;
  static constexpr index_t proxy_start = 9, update_inner = pv::reference_update_inner(hidden);
};
using Plain = pv::Decoder<Engine, Medium, pv::Stack<24, pv::DecoderLayer>>;
using Proxy = pv::Decoder<Engine, Medium, pv::Stack<9, pv::DecoderLayer>, pv::ProxyStack<15, pv::BilinearPool, pv::VisionUpdate>>;

int threads() {
  const char* wanted = std::getenv("PROXYV_BENCH_THREADS");
  return wanted != nullptr ? std::atoi(wanted) : static_cast<int>(std::thread::hardware_concurrency());
}

/// 5 crops of 576 vision tokens, then 50 of text.
template <class Model>
pv::TokenLayout llava_prompt(const Model& model) {
  std::vector<pv::TokenId> ids(51, 7);
  ids[0] = pv::image_token;
  const pv::ImageSlot image{5};
  return {{ids.data(), 51}, {&image, 1}, model.crop_shape()};
}

template <class Model>
const Model& shared_model() {
  static Engine loader({.threads = threads()});
  static const Model model = pv::random_decoder<Model>(loader, Medium{}, 1, pv::DType::bf16);
  return model;
}

pv::Buffer<float> random_features(index_t n) {
  auto out = pv::host_buffer<float>(n);
  for (index_t i = 0; i < n; ++i) out.data()[i] = static_cast<float>(pv::uniform(5, static_cast<std::uint64_t>(i)) - 0.5);
  return out;
}

template <class Model>
void prefill(benchmark::State& state, const pv::Savings& savings) {
  const Model& model = shared_model<Model>();
  const pv::TokenLayout layout = llava_prompt(model);
  const pv::PrefillOptions options{.savings = savings};
  Engine be({.threads = threads(), .workspace_bytes = pv::workspace_bytes(model, layout, 1, options)});
  const auto features = random_features(layout.vision() * Medium::hidden);
  pv::Session session(be, model, layout.rows());
  for (auto _ : state) session.start({layout, features.matrix(layout.vision(), Medium::hidden)}, options);
  const double flops = model.plan_prefill(layout, options).flops();
  const double baseline = shared_model<Plain>().plan_prefill(llava_prompt(shared_model<Plain>()), options).flops();
  state.counters["tflop"] = flops / 1e12;
  state.counters["share_of_flops"] = flops / baseline;
  state.counters["tokens"] = static_cast<double>(layout.rows());
  state.counters["threads"] = threads();
}

void decode(benchmark::State& state) {
  const Proxy& model = shared_model<Proxy>();
  const pv::TokenLayout layout = llava_prompt(model);
  Engine be({.threads = threads(), .workspace_bytes = pv::workspace_bytes(model, layout)});
  const auto features = random_features(layout.vision() * Medium::hidden);
  pv::Session session(be, model, layout.rows() + 1024);
  session.start({layout, features.matrix(layout.vision(), Medium::hidden)});
  const auto mark = session.mark();
  for (auto _ : state) {
    if (session.cache().length() + 1 >= session.cache().capacity()) session.rewind(mark);
    benchmark::DoNotOptimize(session.next_token());
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["threads"] = threads();
}

constexpr auto prefill_plain = prefill<Plain>;
constexpr auto prefill_proxy = prefill<Proxy>;

}  // namespace

BENCHMARK_CAPTURE(prefill_plain, baseline, pv::Savings{})->Iterations(1)->Repetitions(3)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(prefill_proxy, proxyv, pv::Savings{})->Iterations(1)->Repetitions(3)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(prefill_proxy, plain_form, pv::Savings::none())->Iterations(1)->Repetitions(3)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(decode)->Repetitions(3)->Unit(benchmark::kMillisecond)->UseRealTime();
