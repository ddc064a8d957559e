// Checkpoints of the miniature study side by side: what a question costs, how long it takes, how often the
// answer is right. Every question is a prompt of its own, since some methods choose the vision tokens by it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "../cli/asker.hpp"
#include "../cli/program.hpp"
#include "proxyv/eigen/backend.hpp"
#include "questions.hpp"

namespace {

namespace pv = proxyv;
using pv::index_t;
using Engine = pv::EigenBackend;

constexpr std::uint64_t first_seed = 1000000;  // held back from training, as in exam.py
constexpr index_t longest_answer = 170;

struct MeasureOptions {
  std::vector<std::string> folders;
  std::string out, answers;
  std::size_t receipts = 20, rounds = 15, first = 0;
  int threads = 1;
};

struct Tally {
  int asked = 0, right = 0;
};

/// Levenshtein distance: characters to insert, delete or replace.
std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

pv::Image photograph(const receipts::Receipt& receipt) {
  return pv::Image::from_pixels(receipts::photo_side, receipts::photo_side, receipt.pixels);
}

/// A checkpoint under examination.
class Candidate {
 public:
  Candidate(const std::string& folder, int threads) : options_(options(threads)), loaded_(folder, options_) {
    name_ = std::filesystem::path(folder).lexically_normal().filename().string();
    if (name_.empty())
      name_ = std::filesystem::path(folder).lexically_normal().parent_path().filename().string();
  }

  const std::string& name() const { return name_; }

  /// All questions about one receipt; the answers go to `answers`, a line of JSON each.
  void examine(const receipts::Receipt& receipt, std::ostream& answers) {
    with_picture(receipt, [&](auto& be, const auto& decoder, const auto& picture) {
      for (const receipts::QA& qa : receipts::questions(receipt)) {
        const pv::TokenLayout layout = layout_of(decoder, picture, qa.question);
        pv::Session session(be, decoder, layout.rows() + longest_answer);
        session.start({layout, picture.tokens()});
        const std::string text = answer(session);
        mark(qa, text);
        answers << nlohmann::json{{"name", name_},
                                  {"seed", receipt.seed},
                                  {"question", qa.question},
                                  {"text", text}}
                << '\n';
      }
    });
  }

  /// One prefill, timed after an untimed one.
  void time_prefill(const receipts::Receipt& receipt, const std::string& question) {
    with_picture(receipt, [&](auto& be, const auto& decoder, const auto& picture) {
      const pv::TokenLayout layout = layout_of(decoder, picture, question);
      pv::Session session(be, decoder, layout.rows());
      session.start({layout, picture.tokens()});
      const asking::Clock clock;
      session.start({layout, picture.tokens()});
      be.sync();
      times_.push_back(clock.ms());
      exact_ = decoder.plan_prefill(layout).flops();
      plain_ = decoder.plan_prefill(layout, {.savings = pv::Savings::none()}).flops();
      rows_ = layout.rows();
    });
  }

  nlohmann::json report() const {
    nlohmann::json out{{"name", name_},
                       {"rows", rows_},
                       {"prefill_gflop", plain_ / 1e9},
                       {"prefill_gflop_exact_savings", exact_ / 1e9}};
    if (!times_.empty()) {
      std::vector<double> sorted = times_;
      std::sort(sorted.begin(), sorted.end());
      out["prefill_ms"] = {
          {"fastest", sorted.front()}, {"median", sorted[sorted.size() / 2]}, {"rounds", sorted.size()}};
    }
    for (const auto& [kind, tally] : tallies_)
      out["questions"][kind] = {{"asked", tally.asked}, {"right", tally.right}};
    out["characters"] = {{"asked", characters_}, {"wrong", wrong_characters_}};
    return out;
  }

 private:
  static asking::Options options(int threads) {
    asking::Options o;
    o.threads = threads;
    return o;
  }

  template <class F>
  void with_picture(const receipts::Receipt& receipt, F&& f) {
    const pv::Lmm<Engine>& model = loaded_.model();
    const pv::Image image = photograph(receipt);
    model.visit([&](const auto& decoder) {
      const pv::Cost encoding = model.plan_encode(model.count_crops(image.width(), image.height()));
      Engine encoder = cli::make_engine<Engine>(options_.threads, encoding.workspace);
      const auto picture = model.encode(encoder, image);
      const pv::TokenLayout longest = layout_of(decoder, picture, std::string(64, 'a'));
      Engine be = cli::make_engine<Engine>(options_.threads, pv::workspace_bytes(decoder, longest));
      f(be, decoder, picture);
    });
  }

  template <class Decoder>
  pv::TokenLayout layout_of(const Decoder&, const pv::EncodedPicture<Engine>& picture,
                            const std::string& question) const {
    std::vector<pv::TokenId> ids = loaded_.prompt_before_question();
    for (const pv::TokenId id : loaded_.question_ids(question)) ids.push_back(id);
    const pv::ImageSlot slot = picture.slot();
    return pv::TokenLayout({ids.data(), static_cast<index_t>(ids.size())}, {&slot, 1},
                           loaded_.model().crop_shape());
  }

  template <class Session>
  std::string answer(Session& session) const {
    std::string text;
    session.generate({.max_tokens = longest_answer,
                      .stop = {loaded_.stop().data(), static_cast<index_t>(loaded_.stop().size())}},
                     [&](pv::TokenId id) {
                       if (!loaded_.is_stop(id)) text += loaded_.tokenizer().token_text(id);
                     });
    return text;
  }

  void mark(const receipts::QA& qa, const std::string& text) {
    Tally& tally = tallies_[std::string(receipts::name_of(qa.kind))];
    ++tally.asked;
    tally.right += text == qa.answer ? 1 : 0;
    if (qa.kind != receipts::Kind::all) return;
    characters_ += qa.answer.size();
    wrong_characters_ += edits(text, qa.answer);
  }

  asking::Options options_;
  asking::Loaded<Engine> loaded_;
  std::string name_;
  std::map<std::string, Tally> tallies_;
  std::vector<double> times_;
  double exact_ = 0.0, plain_ = 0.0;
  index_t rows_ = 0;
  std::size_t characters_ = 0, wrong_characters_ = 0;
};

void write(const std::string& path, const std::vector<std::unique_ptr<Candidate>>& candidates) {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& c : candidates) out.push_back(c->report());
  const std::string text = out.dump(1) + "\n";
  if (path.empty()) return fmt::print("{}", text);
  std::ofstream file(path);
  file << text;
  PROXYV_CHECK(file.flush().good(), pv::Error, path, ": cannot be written");
}

int run(const MeasureOptions& o) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const std::string& folder : o.folders)
    candidates.push_back(std::make_unique<Candidate>(folder, o.threads));
  const receipts::Receipt one = receipts::draw(first_seed);
  for (std::size_t round = 0; round < std::max<std::size_t>(o.rounds, 1);
       ++round)  // in turn, so that a busy moment hits all
    for (const auto& c : candidates) c->time_prefill(one, "total?");
  std::ofstream answers;
  if (!o.answers.empty()) answers.open(o.answers);
  PROXYV_CHECK(answers.good(), pv::Error, o.answers, ": cannot be written");
  for (std::size_t i = 0; i < o.receipts; ++i) {
    const receipts::Receipt receipt = receipts::draw(first_seed + o.first + i);
    for (const auto& c : candidates) c->examine(receipt, answers);
    if (!o.out.empty()) write(o.out, candidates);
  }
  write(o.out, candidates);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Measures checkpoints of the receipts side by side and prints JSON: FLOPs and time of a prefill, right "
      "answers.\n"
      "Example: receipts_measure examples/receipts/baseline examples/receipts/proxyv --receipts 10"};
  MeasureOptions o;
  app.add_option("checkpoints", o.folders, "Folders with config.json, tokenizer.json and safetensors")
      ->required();
  app.add_option("--receipts", o.receipts, "Receipts to ask about, every question a prompt of its own")
      ->capture_default_str();
  app.add_option("--first", o.first, "Which of the held-back receipts to begin with")->capture_default_str();
  app.add_option("--rounds", o.rounds, "Timed prefills of each checkpoint")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--threads", o.threads, "Of the eigen engine")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--out", o.out,
                 "File to write, again after every receipt; without it the result is printed");
  app.add_option("--answers", o.answers, "File for every answer, a line of JSON each");
  return cli::run_program(app, argc, argv, "receipts_measure", [&] { return run(o); });
}
