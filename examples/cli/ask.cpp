// proxyv ask: questions about a picture, answers as they appear, and the time of every stage.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "asking.hpp"
#include "commands.hpp"
#include "engine_options.hpp"
#include "proxyv/vision/image_file.hpp"
#include "table.hpp"

namespace cli {
namespace {

struct AskOptions {
  std::string checkpoint, picture;
  RunOptions run;
  std::vector<std::string> questions;
  bool json = false;
  asking::index_t max_tokens = 512, top_k = 0;
  float temperature = 0.f, top_p = 1.f;
  std::uint64_t seed = 0;
};

asking::Options asking_options(const AskOptions& o) {
  asking::Options out = o.run.asking();
  out.generate = {.max_tokens = o.max_tokens,
                  .sampling = {.temperature = o.temperature, .top_k = o.top_k, .top_p = o.top_p, .seed = o.seed}};
  return out;
}

/// Prints each question once, then its answer piece by piece.
class Printer {
 public:
  explicit Printer(const std::vector<std::string>& questions) : questions_(questions) {}

  void operator()(std::size_t question, const std::string& piece) {
    for (; shown_ <= question; ++shown_) fmt::print("{}> {}\n", shown_ == 0 ? "" : "\n", questions_[shown_]);
    fmt::print("{}", piece);
    std::fflush(stdout);
  }

 private:
  const std::vector<std::string>& questions_;
  std::size_t shown_ = 0;
};

nlohmann::json stage_json(const asking::Stage& s) {
  return {{"tokens", s.tokens}, {"gflop", s.gflop}, {"plain_gflop", s.plain_gflop}, {"ms", s.ms}};
}

void print_json(const asking::Report& r) {
  nlohmann::json out{{"encode", stage_json(r.encode)}, {"prefill", stage_json(r.prefill)}, {"decode", stage_json(r.decode)}};
  out["answers"] = nlohmann::json::array();
  for (const auto& a : r.answers)
    out["answers"].push_back(
        {{"question", a.question}, {"answer", a.text}, {"prefill", stage_json(a.prefill)}, {"decode", stage_json(a.decode)}});
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void ask(const AskOptions& o) {
  asking::Options options = asking_options(o);
  if (!o.json) options.on_text = Printer(o.questions);
  const auto asker = asking::open(o.checkpoint, options);
  const asking::Report report = asker->ask(proxyv::read_image(o.picture), o.questions);
  if (o.json) return print_json(report);
  fmt::print("\n\n{}", stage_table(report));
}

}  // namespace

void add_ask(CLI::App& app) {
  auto o = std::make_shared<AskOptions>();
  CLI::App* sub = app.add_subcommand("ask", "Ask a checkpoint about a picture");
  sub->footer("Example: proxyv ask examples/receipts/proxyv receipt.png \"total?\" \"read line 3\"");
  sub->add_option("checkpoint", o->checkpoint, "Folder with config.json, tokenizer.json and safetensors")->required();
  sub->add_option("picture", o->picture, "PNG or JPEG file")->required();
  sub->add_option("questions", o->questions, "One or more questions; the picture is read once")->required();
  sub->add_option("--max-tokens", o->max_tokens, "Longest answer")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  sub->add_option("--temperature", o->temperature, "0 = greedy")->capture_default_str()->check(CLI::Range(0.f, 100.f));
  sub->add_option("--top-k", o->top_k, "Keep the k most likely tokens; 0 = all")->capture_default_str()->check(CLI::Range(0, 1 << 24));
  sub->add_option("--top-p", o->top_p, "Keep the likeliest tokens up to this mass")->capture_default_str()->check(CLI::Range(0.f, 1.f));
  sub->add_option("--seed", o->seed, "Of sampling")->capture_default_str();
  o->run.add_to(*sub);
  sub->add_flag("--json", o->json, "Print one JSON object");
  sub->callback([o] { ask(*o); });
}

}  // namespace cli
