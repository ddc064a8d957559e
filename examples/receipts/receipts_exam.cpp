// The exam: does our library answer token for token as PyTorch did, and how often is the answer right?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "../cli/asking.hpp"
#include "../cli/engine_options.hpp"
#include "../cli/program.hpp"
#include "../cli/table.hpp"
#include "photo.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/json_fields.hpp"
#include "receipt.hpp"

namespace {

struct ExamOptions {
  std::string checkpoint;
  std::size_t receipts = 0;
  int threads = 0;
  cli::EngineOptions engine;
};

/// One line of expected.jsonl.
struct Question {
  std::string kind, question, answer, prediction;
};

/// All questions about one receipt.
struct Sheet {
  std::string fingerprint;
  std::vector<Question> questions;
};

std::map<std::uint64_t, Sheet> read_sheets(const std::string& path) {
  std::ifstream in(path);
  PROXYV_CHECK(in.good(), proxyv::LoadError, path, ": cannot be opened");
  std::map<std::uint64_t, Sheet> sheets;
  for (std::string line; std::getline(in, line);) {
    const auto json = proxyv::io::parse_json(line, path);
    const proxyv::io::JsonFields f(json, path);
    Sheet& sheet = sheets[static_cast<std::uint64_t>(f.index("seed", 0, INT64_MAX))];
    sheet.fingerprint = f.text("pixels");
    sheet.questions.push_back({f.text("kind"), f.text("question"), f.text("answer"), f.text("prediction")});
  }
  return sheets;
}

struct Score {
  int asked = 0, right = 0, as_pytorch = 0;
};

int run(const ExamOptions& o) {
  asking::Options options;
  options.threads = o.threads > 0 ? o.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  o.engine.choose(options);
  const auto asker = asking::open(o.checkpoint, options);
  std::map<std::string, Score> scores;
  Score all;
  std::size_t taken = 0;
  for (const auto& [seed, sheet] : read_sheets(o.checkpoint + "/expected.jsonl")) {
    if (o.receipts != 0 && taken++ == o.receipts) break;
    const receipts::Receipt receipt = receipts::draw(seed);
    const std::string found = receipts::hexadecimal(receipts::fingerprint(receipt));
    PROXYV_CHECK(found == sheet.fingerprint, proxyv::Error, "receipt ", seed, ": pixels hash to ", found, ", wanted ", sheet.fingerprint);
    std::vector<std::string> questions;
    for (const Question& q : sheet.questions) questions.push_back(q.question);
    const auto report = asker->ask(proxyv::Image::from_pixels(receipts::photo_side, receipts::photo_side, receipt.pixels), questions);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Question& q = sheet.questions[i];
      const std::string& text = report.answers[i].text;
      for (Score* s : {&scores[q.kind], &all}) {
        ++s->asked;
        s->right += text == q.answer ? 1 : 0;
        s->as_pytorch += text == q.prediction ? 1 : 0;
      }
      if (text != q.prediction) fmt::print("receipt {}: {}: \"{}\", PyTorch said \"{}\"\n", seed, q.question, text, q.prediction);
    }
  }
  scores["all kinds"] = all;
  std::vector<std::vector<std::string>> rows{{"kind", "asked", "right", "accuracy", "as PyTorch"}};
  for (const auto& [kind, s] : scores)
    rows.push_back({kind, std::to_string(s.asked), std::to_string(s.right), fmt::format("{:.1f} %", 100.0 * s.right / std::max(1, s.asked)),
                    std::to_string(s.as_pytorch)});
  fmt::print("{}", cli::table(rows));
  return all.asked > 0 && all.as_pytorch == all.asked ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Examines a checkpoint of the receipts on its expected.jsonl: accuracy, and equality with PyTorch.\n"
               "Example: receipts_exam examples/receipts/proxyv --receipts 10"};
  ExamOptions o;
  app.add_option("checkpoint", o.checkpoint, "Folder with config.json, safetensors and expected.jsonl")->required();
  app.add_option("--receipts", o.receipts, "How many receipts; 0 = all")->capture_default_str();
  o.engine.add_to(app);
  app.add_option("--threads", o.threads, "Of the eigen engine; 0 = all cores")->capture_default_str()->check(CLI::Range(0, 1024));
  return cli::run_program(app, argc, argv, "receipts_exam", [&] { return run(o); });
}
