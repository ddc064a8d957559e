// proxyv study: what each method of the paper would save on a model, over start layers.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include "methods.hpp"
#include "proxyv/core/error.hpp"

namespace cli {
namespace {

namespace pv = proxyv;
using pv::index_t;

struct StudyOptions {
  std::string model = "vicuna-7b";
  std::vector<std::string> methods;
  std::vector<index_t> starts;
  Workload work;
  bool json = false, csv = false;
};

/// Quarters of the depth that the method may start at, unless told. -1 for a method without start layers.
std::vector<index_t> start_layers(const StudyOptions& o, const Method& method, index_t layers) {
  if (method.first_start < 0) return {-1};
  std::vector<index_t> out = o.starts;
  if (out.empty()) {
    out = {0, layers / 4, layers / 2, 3 * layers / 4};
    std::erase_if(out, [&](index_t start) { return start < method.first_start; });
  }
  for (const index_t start : out)
    PROXYV_CHECK(start < layers, pv::ArgumentError, "study: start layer ", start, ", ", o.model,
                 " has the layers 0..", layers - 1);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void study(const StudyOptions& o) {
  const pv::RuntimeConfig model = find_model(o.model);
  const double baseline = count_prefill(without_method(model), o.work).published;
  std::vector<std::string> keys = o.methods;
  if (keys.empty())
    for (const Method& m : methods()) keys.emplace_back(m.key);
  std::vector<SavedRow> rows;
  for (const std::string& key : keys) {
    const Method& method = find_method(key);
    for (const index_t start : start_layers(o, method, model.layers))
      rows.push_back(
          {.table = fmt::format("{}: {} layers, {} vision, {} newline, {} text tokens, {} GFLOP plain",
                                o.model, model.layers, o.work.crops * pv::tokens_per_crop(model),
                                o.work.crops, o.work.text, gflop_text(baseline)),
           .model = o.model,
           .method = method.key,
           .name = method.name,
           .start = start,
           .baseline = baseline,
           .counted = count_prefill(method.on(model, start), o.work)});
  }
  fmt::print("{}", show(rows, o.json ? Form::json : o.csv ? Form::csv : Form::text, false));
}

}  // namespace

void add_study(CLI::App& app) {
  auto o = std::make_shared<StudyOptions>();
  CLI::App* sub =
      app.add_subcommand("study", "What the paper's methods would save on a model, over start layers");
  sub->footer(
      "Example: proxyv study --model llama3-8b --method proxyv --method attn-keep --start-layer 8 "
      "--start-layer 16");
  sub->add_option("--model", o->model, "Preset (" + preset_names() + ") or checkpoint folder")
      ->capture_default_str();
  std::vector<std::string> keys;
  for (const Method& m : methods()) keys.emplace_back(m.key);
  sub->add_option("--method", o->methods, "A method, several times for several; all unless told")
      ->check(CLI::IsMember(keys));
  sub->add_option("--start-layer", o->starts,
                  "A start layer, several times for several; quarters of the depth unless told")
      ->check(CLI::Range(0, 4096));
  sub->add_option("--crops", o->work.crops, "Crops of the picture, the base crop included")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  sub->add_option("--text", o->work.text, "Text tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  CLI::Option* json = sub->add_flag("--json", o->json, "Print one JSON array");
  sub->add_flag("--csv", o->csv, "Print comma-separated values")->excludes(json);
  sub->callback([o] { study(*o); });
}

}  // namespace cli
