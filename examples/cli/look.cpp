// proxyv look: where a model's attention goes, which tokens its proxies serve, and how far apart it keeps
// vision and text; as pictures and as numbers.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.hpp"
#include "engine_options.hpp"
#include "look_pictures.hpp"
#include "looking.hpp"
#include "proxyv/vision/image_file.hpp"
#include "table.hpp"
#include "write_text.hpp"

namespace cli {
namespace {

using looking::index_t;

struct LookOptions {
  std::string checkpoint, picture, out;
  RunOptions run;
  std::vector<std::string> questions;
  index_t layer = -1;
  bool json = false;
};

nlohmann::json mass_json(const proxyv::look::AttentionMass& m) {
  return {{"vision", m.vision}, {"proxies", m.proxies}, {"newlines", m.newlines}, {"text", m.text}};
}

/// Each proxy as the tokens it is made of and those that follow it most; per crop.
nlohmann::json proxies_json(const proxyv::look::ProxyMap& map) {
  nlohmann::json out = nlohmann::json::array();
  for (index_t p = 0; p < map.made_of.rows(); ++p) {
    nlohmann::json made = nlohmann::json::object(), followers = nlohmann::json::array();
    for (index_t t = 0; t < map.made_of.cols(); ++t) {
      if (map.made_of(p, t) >= 0.01f) made[std::to_string(t)] = map.made_of(p, t);
      if (looking::largest(map.follows, t) == p) followers.push_back(t);
    }
    out.push_back({{"made_of", made}, {"followed_by", followers}});
  }
  return out;
}

void print_json(const LookOptions& o, const looking::Looked& l) {
  nlohmann::json out{{"question", o.questions[0]},
                     {"first_piece", l.first_piece},
                     {"vision", l.vision},
                     {"newlines", l.newlines},
                     {"text", l.text},
                     {"proxies", l.proxy_rows},
                     {"start_layer", l.start_layer},
                     {"mir", l.mir},
                     {"mir_text_states", l.mir_text}};
  out["layers"] = nlohmann::json::array();
  for (const auto& layer : l.layers)
    out["layers"].push_back({{"last_token", mass_json(layer.last)},
                             {"proxies", mass_json(layer.proxies)},
                             {"vision_weights", layer.vision},
                             {"mir", layer.mir}});
  out["proxy_maps"] = nlohmann::json::array();
  for (const auto& map : l.proxies) out["proxy_maps"].push_back(proxies_json(map));
  fmt::print("{}\n", out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const LookOptions& o, const looking::Looked& l) {
  fmt::print("{}: {} vision, {} newline, {} text tokens, {} proxies; ProxyV from layer {} of {}\n",
             o.questions[0], l.vision, l.newlines, l.text, l.proxy_rows, l.start_layer, l.layers.size());
  fmt::print("The model would go on with \"{}\".\n\n", l.first_piece);
  std::vector<std::vector<std::string>> rows{{"layer", "on vision", "on newlines", "on text", "MIR term"}};
  for (std::size_t i = 0; i < l.layers.size(); ++i) {
    const auto& m = l.layers[i].last;
    const auto percent = [](double part) { return fmt::format("{:.1f} %", 100.0 * part); };
    rows.push_back({std::to_string(i), percent(m.vision), percent(m.newlines), percent(m.text),
                    fmt::format("{:.3f}", l.layers[i].mir)});
  }
  fmt::print("{}\nMIR {:.3f}, over {} vision and {} text states\n", table(rows), l.mir, l.vision, l.mir_text);
}

void draw(const LookOptions& o, const proxyv::Image& picture, const looking::Looked& l) {
  const std::filesystem::path folder = o.out;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  PROXYV_CHECK(!failed, proxyv::LoadError, o.out, ": cannot be made: ", failed.message());
  write_text((folder / "attention.svg").string(),
             looking::attention_bars(l, &looking::Layer::last, "Where the last token looks").str());
  proxyv::write_png(folder / "attention.png",
                    looking::heat_over(picture, looking::attention_over(picture, l, o.layer)));
  write_text((folder / "mir.svg").string(), looking::mir_curve(l).str());
  if (l.proxies.empty()) return;
  write_text((folder / "attention_of_proxies.svg").string(),
             looking::attention_bars(l, &looking::Layer::proxies, "Where the proxies look").str());
  write_text((folder / "proxies.svg").string(), looking::proxy_rasters(l).str());
  proxyv::write_png(folder / "proxies.png", looking::proxies_over(picture, l));
}

void look(const LookOptions& o) {
  const auto looker = looking::open(o.checkpoint, o.run.asking());
  const proxyv::Image picture = proxyv::read_image(o.picture);
  const looking::Looked looked = looker->look(picture, o.questions);
  PROXYV_CHECK(o.layer < static_cast<index_t>(looked.layers.size()), proxyv::ArgumentError, "--layer ",
               o.layer, ": the model has layers 0..", looked.layers.size() - 1);
  if (!o.out.empty()) draw(o, picture, looked);
  if (o.json) return print_json(o, looked);
  print_table(o, looked);
  if (!o.out.empty()) fmt::print("Pictures are in {}.\n", o.out);
}

}  // namespace

void add_look(CLI::App& app) {
  auto o = std::make_shared<LookOptions>();
  CLI::App* sub =
      app.add_subcommand("look", "See where attention goes, what proxies serve, and how modalities mix");
  sub->footer("Example: proxyv look examples/receipts/proxyv receipt.png \"total?\" --out look");
  sub->add_option("checkpoint", o->checkpoint, "Folder with config.json, tokenizer.json and safetensors")
      ->required();
  sub->add_option("picture", o->picture, "PNG or JPEG file")->required();
  sub->add_option("questions", o->questions,
                  "Attention is the first one's; MIR is taken over the text of all")
      ->required();
  sub->add_option("--out", o->out, "Folder for the pictures; none are made without it");
  sub->add_option("--layer", o->layer, "Layer of attention.png; by default the mean of all")
      ->check(CLI::Range(0, 4096));
  o->run.add_to(*sub);
  sub->add_flag("--json", o->json, "Print one JSON object");
  sub->callback([o] { look(*o); });
}

}  // namespace cli
