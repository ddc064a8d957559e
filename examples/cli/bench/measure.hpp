// Measure: random weights of a workload, shared by its cases, and the timing of a case on engine B.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "../make_engine.hpp"
#include "encoder_stage.hpp"
#include "proxyv/model/lmm.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/model/session.hpp"
#include "results.hpp"

namespace bench {

/// Milliseconds of work() up to the engine's last result.
template <class B, class Work>
double time_ms(B& be, Work&& work) {
  be.sync();
  const auto begin = std::chrono::steady_clock::now();
  work();
  be.sync();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

/// The clock between a prefill's layers, as a hook. Making the proxies counts into the layer that follows.
template <class B>
class LayerClock {
 public:
  LayerClock(B& be, index_t layers) : be_(be), samples_(static_cast<std::size_t>(layers)) {}

  template <class Event>
  void operator()(const Event& event) {
    be_.sync();
    const auto now = std::chrono::steady_clock::now();
    if (event.layer == last_ && event.layer >= 0) return;
    if (event.layer >= 0)
      samples_[static_cast<std::size_t>(event.layer)].ms.push_back(
          std::chrono::duration<double, std::milli>(now - before_).count());
    last_ = event.layer;
    before_ = now;
  }
  std::vector<double> medians() const {
    std::vector<double> out;
    for (const Samples& s : samples_) out.push_back(s.median());
    return out;
  }

 private:
  B& be_;
  std::vector<Samples> samples_;
  std::chrono::steady_clock::time_point before_{};
  index_t last_ = -1;
};

/// What a variant says in the configuration of a case, beyond its start layer and reduction.
using Adjust = std::function<void(pv::RuntimeConfig&, const Case&)>;

template <class B>
class Measure {
 public:
  /// Weights for every case: proxies' updates from the earliest start layer on, learned proxies for the
  /// smallest reduction; each case takes its part.
  Measure(const Workload& w, const std::vector<Case>& cases)
      : work_(w), most_(w.config), loader_(cli::make_engine<B>(w.threads)) {
    most_.proxy_start = most_.layers;
    most_.proxy_factor = most_.crop_side;
    most_.learned_proxies = true;
    most_.reduction = {};
    most_.study = {};
    most_.crop_proxies = 0;
    for (const Case& c : cases) {
      if (c.start_layer >= 0) most_.proxy_start = std::min(most_.proxy_start, c.start_layer);
      if (c.reduce > 0) most_.proxy_factor = std::min(most_.proxy_factor, c.reduce);
    }
    pv::check_config(most_);
    const pv::DType type = w.weights == "f32"   ? pv::DType::f32
                           : w.weights == "f16" ? pv::DType::f16
                                                : pv::DType::bf16;
    random_ = {.seed = 1, .type = type, .pack = true};  // as models are loaded
    pv::detail::RandomVisitor<B, B> fill(loader_, random_, store_);
    pv::for_each_tensor<B>(most_, weights_, true, fill);
    const pv::ClipConfig clip = encoder_config(w.encoder, w.config.crop_side);
    if (clip.layers > 0 && w.crops > 0)
      encoder_ = std::make_unique<EncoderStage<B>>(loader_, clip, w.config.hidden, random_);
    loader_.sync();
  }

  template <class Model>
  Result run(const Case& c, const Adjust& adjust = {}) {
    pv::RuntimeConfig config = config_of<Model>(c);
    if (adjust) adjust(config, c);
    pv::check_config(config);
    B building = cli::make_engine<B>(work_.threads, fold_workspace);
    const Model model(building, config, weights_of<Model>(config));
    building.sync();
    std::vector<pv::TokenId> ids(static_cast<std::size_t>(work_.text + 1), 1);
    ids[0] = pv::image_token;
    const pv::ImageSlot slot{work_.crops};
    const index_t pictures = work_.crops > 0 ? 1 : 0;
    const pv::TokenLayout layout({ids.data() + 1 - pictures, work_.text + pictures}, {&slot, pictures},
                                 model.crop_shape());
    Result out;
    out.setting = c;
    fill_costs(model, layout, out);
    encode(config.reduction.zip, out);
    B be = cli::make_engine<B>(work_.threads, pv::workspace_bytes(model, layout, 1));
    pv::Buffer<pv::Elem<B>, pv::SpaceOf<B>> features = random_features(be, layout.vision(), config.hidden);
    const pv::Prompt<B> prompt{layout, features.matrix(layout.vision(), config.hidden)};
    pv::Session session(be, model, layout.rows() + work_.decode + 2);
    const auto prefill = [&] { session.start(prompt); };
    for (int i = 0; i < work_.warm_up; ++i) prefill();
    for (int i = 0; i < work_.repetitions; ++i) out.prefill.ms.push_back(time_ms(be, prefill));
    if (work_.decode > 0) {
      session.next_token();
      session.next_token();  // the first step records, where steps are recorded
      for (index_t i = 0; i < work_.decode; ++i)
        out.decode.ms.push_back(time_ms(be, [&] { session.next_token(); }));
    }
    LayerClock<B> clock(be, config.layers);
    for (int i = 0; i < std::max(work_.repetitions / 2, 1); ++i) session.start(prompt, {}, clock);
    out.layer_ms = clock.medians();
    return out;
  }

 private:
  static constexpr std::size_t fold_workspace = std::size_t{256} << 20;

  /// The picture's way to the decoder.
  void encode(const pv::ZipSettings& zip, Result& out) const {
    if (encoder_ == nullptr) return;
    const pv::Cost cost = encoder_->cost(work_.crops, zip);
    out.encode_flops = cost.flops();
    B be = cli::make_engine<B>(work_.threads, cost.workspace);
    const index_t rows = work_.crops * encoder_->config().patches(), width = encoder_->config().patch_width();
    const auto patches = random_features(be, rows, width);
    const index_t tokens = encoder_->tokens(work_.crops, zip);
    auto to = be.template alloc<pv::Elem<B>>(tokens * work_.config.hidden);
    const auto work = [&] {
      (*encoder_)(be, patches.matrix(rows, width), to.matrix(tokens, work_.config.hidden), zip);
    };
    for (int i = 0; i < work_.warm_up; ++i) work();
    for (int i = 0; i < work_.repetitions; ++i) out.encode.ms.push_back(time_ms(be, work));
  }

  /// Weights of the light MLPs, made when a case first wants them: those of the last layers first needed.
  void make_lights(const pv::RuntimeConfig& config) {
    const auto count = static_cast<std::size_t>(config.layers - config.proxy_start);
    pv::detail::RandomVisitor<B, B> fill(loader_, random_, store_);
    for (std::size_t i = weights_.lights.size(); i < count; ++i) {
      const std::string name = "light." + std::to_string(i) + ".";
      auto& light = weights_.lights.emplace_back();
      fill.matrix(name + "input", light.input, config.update_inner, config.hidden);
      fill.matrix(name + "mix", light.mix, config.update_inner, config.update_inner);
      fill.matrix(name + "out", light.out, config.hidden, config.update_inner);
    }
    loader_.sync();
  }

  template <class Model>
  pv::RuntimeConfig config_of(const Case& c) const {
    pv::RuntimeConfig config = work_.config;
    config.proxy_start = c.start_layer >= 0 ? c.start_layer : config.layers;
    config.proxy_factor = c.reduce > 0 ? c.reduce : 1;
    config.learned_proxies = false;
    config.reduction = {};
    config.study = {};
    if constexpr (Model::uses_proxies)
      config.learned_proxies = std::remove_cvref_t<decltype(std::declval<const Model&>().pool())>::learned;
    return config;
  }

  template <class Model>
  pv::DecoderWeights<B> weights_of(const pv::RuntimeConfig& config) {
    if (config.study.light_mlp) make_lights(config);
    pv::DecoderWeights<B> w = weights_;
    w.lights.resize(config.study.light_mlp ? static_cast<std::size_t>(config.layers - config.proxy_start)
                                           : 0);
    const auto updates = config.layers - config.proxy_start;
    w.updates.assign(weights_.updates.end() - std::min<std::ptrdiff_t>(updates, std::ssize(weights_.updates)),
                     weights_.updates.end());
    if (config.learned_proxies)
      w.pool_tokens = weights_.pool_tokens.row_range(0, pv::proxies_per_crop(config));
    else w.pool_tokens = {};
    return w;
  }

  template <class Model>
  static void fill_costs(const Model& model, const pv::TokenLayout& layout, Result& out) {
    const pv::Cost saved = model.plan_prefill(layout), decode = model.plan_append(layout.rows());
    out.prefill_flops = saved.flops();
    out.prefill_bytes = saved.bytes;
    out.paper_flops = model.plan_prefill(layout, {.savings = pv::Savings::none()}).flops();
    out.decode_flops = decode.flops();
    out.decode_bytes = decode.bytes;
    out.workspace_bytes = static_cast<double>(saved.workspace);
    out.cache_bytes = static_cast<double>(pv::KvCache<B>::bytes(model.cache_shape(layout.rows())));
    out.vision = layout.vision();
    out.proxies = layout.proxies();
    out.rows = layout.rows();
  }

  static pv::Buffer<pv::Elem<B>, pv::SpaceOf<B>> random_features(B& be, index_t rows, index_t cols) {
    auto host = pv::host_buffer<float>(std::max<index_t>(rows, 1) * cols);
    for (index_t i = 0; i < host.size(); ++i)
      host.data()[i] = static_cast<float>(2.0 * pv::uniform(7, static_cast<std::uint64_t>(i)) - 1.0);
    auto features = be.template alloc<pv::Elem<B>>(host.size());
    if (rows > 0) be.upload(host.matrix(rows, cols), features.matrix(rows, cols));
    be.sync();
    return features;
  }

  Workload work_;
  pv::RuntimeConfig most_;
  B loader_;
  pv::RandomOptions random_;
  pv::WeightStore<B> store_;
  pv::DecoderWeights<B> weights_;
  std::unique_ptr<EncoderStage<B>> encoder_;
};

/// The engine's best product and its fastest copy, the best of five.
template <class B>
Ceilings measure_ceilings(const Workload& w) {
  constexpr bool host = std::same_as<pv::SpaceOf<B>, pv::HostSpace>;
  const index_t n = host ? 1024 : 8192;
  B be = cli::make_engine<B>(w.threads, std::size_t{64} << 20);
  using T = pv::Elem<B>;
  const auto filled = [&](index_t rows, index_t cols) {
    auto data = be.template alloc<T>(rows * cols);
    auto row = pv::host_buffer<float>(cols);
    for (index_t i = 0; i < cols; ++i)
      row.data()[i] = static_cast<float>(pv::uniform(3, static_cast<std::uint64_t>(i)));
    for (index_t i = 0; i < rows; ++i)
      be.upload(row.matrix(1, cols), data.matrix(rows, cols).row_range(i, 1));
    return data;
  };
  const auto best = [&](auto&& work) {
    double ms = time_ms(be, work);
    for (int i = 0; i < 5; ++i) ms = std::min(ms, time_ms(be, work));
    return ms;
  };
  const auto x = filled(n, n), weight = filled(n, n), y = filled(n, n);
  const double side = static_cast<double>(n);
  Ceilings out;
  out.gemm_flops =
      2.0 * side * side * side * 1e3 / best([&] {
        be.gemm(x.matrix(n, n), pv::WeightOf<B>(pv::In<B>(weight.matrix(n, n))), y.matrix(n, n), {});
      });
  const index_t rows = 16 * 1024;
  const auto from = filled(rows, host ? 1024 : 8192), to = filled(rows, host ? 1024 : 8192);
  out.copy_bytes = 2.0 * static_cast<double>(from.size()) * sizeof(T) * 1e3 / best([&] {
                     be.copy(from.matrix(rows, host ? 1024 : 8192), to.matrix(rows, host ? 1024 : 8192));
                   });
  return out;
}

}  // namespace bench
