// proxyv plan: tokens, FLOPs and memory of a model before any weight is loaded.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "methods.hpp"
#include "proxyv/eigen/backend.hpp"
#include "table.hpp"

namespace cli {
namespace {

namespace pv = proxyv;
using pv::index_t;
using Engine = pv::EigenBackend;

struct PlanOptions {
  std::string model = "vicuna-7b";
  std::optional<index_t> start_layer, reduce;
  index_t crops = 5, text = 50;
  std::string weights = "bf16", table;
  bool learned = false, json = false, csv = false;
};

/// One way of running the model.
struct Plan {
  index_t proxies = 0;
  double weight_bytes = 0.0, cache_bytes = 0.0;
  pv::Cost plain, saved, decode;
};

struct CountBytes {
  double& bytes;
  pv::DType type;
  void add(index_t n, std::size_t size) { bytes += static_cast<double>(n) * static_cast<double>(size); }
  void matrix(const std::string&, pv::Weight<>&, index_t rows, index_t cols) { add(rows * cols, pv::dtype_size(type)); }
  void dense(const std::string&, pv::View<const float>&, index_t rows, index_t cols) { add(rows * cols, 4); }
  void vector(const std::string&, pv::Span<const float>&, index_t n) { add(n, 4); }
};

template <class Decoder>
Plan plan_decoder(const pv::RuntimeConfig& config, const PlanOptions& o) {
  const pv::DType type = o.weights == "f32" ? pv::DType::f32 : pv::DType::bf16;
  pv::PlanBackend<Engine> engine;
  const Decoder decoder(engine, config, pv::shape_only_weights<Engine>(config, type));
  std::vector<pv::TokenId> ids(static_cast<std::size_t>(o.text + (o.crops > 0 ? 1 : 0)), 0);
  if (o.crops > 0) ids[0] = pv::image_token;
  const pv::ImageSlot image{o.crops};
  const pv::TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())}, {&image, o.crops > 0 ? 1 : 0}, decoder.crop_shape());

  Plan out;
  out.proxies = layout.proxies();
  out.plain = decoder.plan_prefill(layout, {.savings = pv::Savings::none()});
  out.saved = decoder.plan_prefill(layout);
  out.decode = decoder.plan_append(layout.rows());
  out.cache_bytes = static_cast<double>(pv::KvCache<Engine>::bytes(decoder.cache_shape(layout.rows())));
  pv::DecoderWeights<Engine> weights;
  pv::for_each_tensor<Engine>(config, weights, o.crops > 0, CountBytes{out.weight_bytes, type});
  return out;
}

Plan plan_config(const pv::RuntimeConfig& config, const PlanOptions& o) {
  if (config.reduction.drops.on()) {
    if (config.proxy_start == config.layers) return plan_decoder<pv::ReducedDecoder<Engine>>(config, o);
    if (config.learned_proxies) return plan_decoder<pv::ReducedProxyDecoder<Engine>>(config, o);
  }
  if (config.proxy_start == config.layers) return plan_decoder<pv::PlainDecoder<Engine>>(config, o);
  if (config.study.kind != pv::Study::none) return plan_decoder<pv::StudyDecoder<Engine>>(config, o);
  if (config.learned_proxies) return plan_decoder<pv::LearnedProxyDecoder<Engine>>(config, o);
  return plan_decoder<pv::ProxyDecoder<Engine>>(config, o);
}

nlohmann::json plan_json(const Plan& p) {
  return {{"proxies", p.proxies},
          {"prefill_gflop_plain", p.plain.flops() / 1e9},
          {"prefill_gflop_exact_savings", p.saved.flops() / 1e9},
          {"decode_gflop_per_token", p.decode.flops() / 1e9},
          {"weight_bytes", p.weight_bytes},
          {"cache_bytes", p.cache_bytes},
          {"workspace_bytes", p.saved.workspace}};
}

void print_plans(const pv::RuntimeConfig& config, const PlanOptions& o, const Plan& baseline, const Plan& proxyv) {
  const index_t vision = o.crops * pv::tokens_per_crop(config);
  fmt::print("{}: {} layers, hidden {}; {} vision, {} newline, {} text tokens\n", o.model, config.layers, config.hidden, vision, o.crops, o.text);
  const bool studied = config.study.kind != pv::Study::none;
  if (studied) {
    fmt::print("A study from layer {} on, as config.json says\n\n", config.proxy_start);
  } else {
    fmt::print("ProxyV from layer {}: {} proxies, one for {} x {} vision tokens\n\n", config.proxy_start, proxyv.proxies, config.proxy_factor,
               config.proxy_factor);
  }
  const auto row = [](const char* name, double before, double after, const auto& text) {
    return std::vector<std::string>{name, text(before), text(after), saved_text(before, after)};
  };
  const auto gflop = [](double flops) {
    return flops < 1e9 ? fmt::format("{:.1f} MFLOP", flops / 1e6) : fmt::format("{:.1f} GFLOP", flops / 1e9);
  };
  fmt::print("{}", table({{"", "baseline", studied ? "study" : "ProxyV", "saved"},
                          row("prefill, as the paper counts", baseline.plain.flops(), proxyv.plain.flops(), gflop),
                          row("prefill, with exact savings", baseline.saved.flops(), proxyv.saved.flops(), gflop),
                          row("decode, per token", baseline.decode.flops(), proxyv.decode.flops(), gflop),
                          row(("weights, " + o.weights).c_str(), baseline.weight_bytes, proxyv.weight_bytes, bytes_text),
                          row("key/value cache", baseline.cache_bytes, proxyv.cache_bytes, bytes_text),
                          row("workspace", static_cast<double>(baseline.saved.workspace), static_cast<double>(proxyv.saved.workspace), bytes_text)}));
}

void plan(const PlanOptions& o) {
  if (!o.table.empty()) {
    fmt::print("{}", show(paper_rows(), o.json ? Form::json : o.csv ? Form::csv : Form::text, true));
    return;
  }
  pv::RuntimeConfig config = find_model(o.model);
  if (o.start_layer) config.proxy_start = *o.start_layer;
  if (o.reduce) config.proxy_factor = *o.reduce;
  if (o.learned) config.learned_proxies = true;
  pv::check_config(config);
  const Plan baseline = plan_config(without_method(config), o), proxyv = plan_config(config, o);
  if (o.json) {
    nlohmann::json out{{"model", o.model},   {"start_layer", config.proxy_start}, {"reduce", config.proxy_factor}, {"crops", o.crops},
                       {"text", o.text},     {"weights", o.weights},              {"vision", o.crops * pv::tokens_per_crop(config)},
                       {"baseline", plan_json(baseline)}, {"proxyv", plan_json(proxyv)}};
    out["prefill_saved_plain"] = 1.0 - proxyv.plain.flops() / baseline.plain.flops();
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  print_plans(config, o, baseline, proxyv);
}

}  // namespace

void add_plan(CLI::App& app) {
  auto o = std::make_shared<PlanOptions>();
  CLI::App* sub = app.add_subcommand("plan", "What a model would cost, without loading weights");
  sub->footer("Example: proxyv plan --model vicuna-7b --start-layer 12 --reduce 4 --crops 5 --text 50");
  sub->add_option("--model", o->model, "Preset (" + preset_names() + ") or checkpoint folder")->capture_default_str();
  sub->add_option("--start-layer", o->start_layer, "First ProxyV layer; by default the model's own")->check(CLI::Range(0, 4096));
  sub->add_option("--reduce", o->reduce, "Reduction per side of a crop; by default the model's own")->check(CLI::Range(1, 4096));
  sub->add_flag("--learned", o->learned, "Learned proxies instead of spatial ones");
  sub->add_option("--crops", o->crops, "Crops of the picture, the base crop included")->capture_default_str()->check(CLI::Range(0, 65536));
  sub->add_option("--text", o->text, "Text tokens")->capture_default_str()->check(CLI::Range(1, 1 << 24));
  sub->add_option("--weights", o->weights, "Type weights are stored in")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
  sub->add_option("--table", o->table, "paper: the paper's tables of FLOPs, counted again; other options but the form's are not used")
      ->check(CLI::IsMember({"paper"}));
  CLI::Option* json = sub->add_flag("--json", o->json, "Print JSON");
  sub->add_flag("--csv", o->csv, "With --table: print comma-separated values")->needs("--table")->excludes(json);
  sub->callback([o] { plan(*o); });
}

}  // namespace cli
