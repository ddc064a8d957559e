// The embedded receipts model: from a picture to the first token, and whole questions. The questions can be
// written down, with what the decoder sees of the picture and what it answers, for another program to do the
// same work.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/cpu/layer_bench.hpp"
#include "bench/cpu/sight.hpp"
#include "examples/cli/write_text.hpp"
#include "examples/receipts/questions.hpp"
#include "proxyv/io/checkpoint.hpp"
#include "proxyv/io/config.hpp"
#include "proxyv/model/lmm.hpp"

namespace cpu_bench {

inline constexpr std::uint64_t first_receipt = 1000000;  ///< held back from training
inline constexpr int receipt_count = 6;

/// The prompt of a question: <s> picture newline question newline.
inline std::vector<pv::TokenId> question_ids(const std::string& question) {
  std::vector<pv::TokenId> ids{receipts::bos_id, pv::image_token};
  for (const char c : "\n" + question + "\n")
    ids.push_back(static_cast<pv::TokenId>(receipts::alphabet.find(c) + receipts::first_character_id));
  return ids;
}

/// The total, one price and one line.
inline std::vector<std::string> three_questions(const receipts::Receipt& r) {
  return {receipts::ask_total(r).question, receipts::ask_price(r, r.seed % r.facts.items.size()).question,
          receipts::ask_line(r, r.seed % r.lines.size()).question};
}

/// A checkpoint of the receipts, its pictures seen, its questions packed.
template <class Model>
class Reader {
 public:
  struct Question {
    std::size_t picture;
    std::vector<pv::TokenId> ids;
    pv::TokenLayout layout;
    std::vector<pv::TokenId> answer{};
  };

  Reader(const std::string& folder, int threads)
      : files_(std::make_shared<pv::io::Checkpoint>(folder)),
        config_(pv::io::read_config(folder + "/config.json")) {
    Engine loader({.threads = threads, .workspace_bytes = std::size_t{16} << 20});
    const pv::RuntimeConfig sizes = pv::runtime_config(config_);
    model_.emplace(pv::load_decoder<Model>(loader, sizes, *files_, files_, true));
    auto store = std::make_shared<pv::WeightStore<Engine>>(files_);
    pv::LoadVisitor<Engine, pv::io::Checkpoint> load(loader, *files_, *store);
    sight_.emplace(loader, pv::clip_config(config_), pv::image_processor(config_), sizes.hidden, load, store);
    for (int i = 0; i < receipt_count; ++i)
      take(receipts::draw(first_receipt + static_cast<std::uint64_t>(i)));
    be_.emplace(pv::HostOptions{.threads = threads, .workspace_bytes = workspace()});
    session_.emplace(*be_, *model_, questions_.front().layout.rows() + 256);
    for (std::size_t i = 0; i < pictures_.size(); ++i) see(i);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::size_t questions() const { return questions_.size(); }
  /// Every question, each as a prompt of its own: prefill and greedy answer. The tokens generated.
  std::size_t ask_all() {
    std::size_t tokens = 0;
    const pv::TokenId stop = receipts::eos_id;
    for (Question& q : questions_) {
      session_->start({q.layout, tokens_of(q.picture)});
      q.answer = session_->generate({.max_tokens = 170, .stop = {&stop, 1}});
      tokens += q.answer.size();
    }
    return tokens;
  }
  /// From the first picture's pixels to the first token of an answer.
  pv::TokenId first_token() {
    see(0);
    session_->start({questions_.front().layout, tokens_of(0)});
    return session_->next_token();
  }
  pv::Cost first_token_cost() const {
    pv::Cost sum = sight_->cost(sight_->crops(pictures_.front())),
             prefill = model_->plan_prefill(questions_.front().layout);
    sum.linear_flops += prefill.linear_flops;
    sum.attention_flops += prefill.attention_flops;
    sum.bytes += prefill.bytes;
    return sum;
  }
  double prefill_flops() const {
    double sum = 0.0;
    for (const Question& q : questions_) sum += model_->plan_prefill(q.layout).flops();
    return sum;
  }
  index_t rows() const { return questions_.front().layout.rows(); }

  /// questions.json and tokens.f32, the vision tokens of all pictures in order. After ask_all().
  void write(const std::string& folder) const {
    std::filesystem::create_directories(folder);
    nlohmann::json all = nlohmann::json::array();
    for (const Question& q : questions_)
      all.push_back({{"picture", q.picture}, {"ids", q.ids}, {"answer", q.answer}});
    cli::write_text(folder + "/questions.json", all.dump() + "\n");
    std::ofstream file(folder + "/tokens.f32", std::ios::binary);
    for (const auto& seen : seen_)
      file.write(reinterpret_cast<const char*>(seen.data()),
                 static_cast<std::streamsize>(static_cast<std::size_t>(seen.size()) * sizeof(float)));
    PROXYV_CHECK(file.flush().good(), pv::Error, folder, ": cannot be written");
  }

 private:
  void take(const receipts::Receipt& receipt) {
    pictures_.push_back(pv::Image::from_pixels(receipts::photo_side, receipts::photo_side, receipt.pixels));
    const pv::ImageSlot slot{sight_->crops(pictures_.back())};
    seen_.push_back(pv::host_buffer<float>(sight_->tokens(slot.crops) * model_->config().hidden));
    for (const std::string& text : three_questions(receipt)) {
      auto ids = question_ids(text);
      pv::TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())}, {&slot, 1},
                             model_->crop_shape());
      questions_.push_back({pictures_.size() - 1, std::move(ids), std::move(layout)});
    }
  }
  std::size_t workspace() const {
    std::size_t bytes = sight_->cost(sight_->crops(pictures_.front())).workspace;
    for (const Question& q : questions_) bytes = std::max(bytes, pv::workspace_bytes(*model_, q.layout, 1));
    return bytes;
  }
  pv::View<float> tokens_of(std::size_t picture) const {
    return seen_[picture].matrix(seen_[picture].size() / model_->config().hidden, model_->config().hidden);
  }
  void see(std::size_t picture) { sight_->see(*be_, pictures_[picture], tokens_of(picture)); }

  std::shared_ptr<pv::io::Checkpoint> files_;
  pv::io::CheckpointConfig config_;
  std::optional<Model> model_;
  std::optional<Sight> sight_;
  std::vector<pv::Image> pictures_;
  std::vector<pv::Buffer<float>> seen_;
  std::vector<Question> questions_;
  std::optional<Engine> be_;
  std::optional<pv::Session<Model>> session_;
};

template <class Model>
void add_receipts(const Settings& s, const std::string& variant) {
  const std::string folder = s.receipts + "/" + variant;
  add(s, "receipts/" + variant + "/question", [=](int threads) -> std::pair<Amount, Call> {
    auto reader = std::make_shared<Reader<Model>>(folder, threads);
    const std::size_t tokens = reader->ask_all();
    if (!s.questions_out.empty()) reader->write(s.questions_out + "/" + variant);
    const Amount amount{.flops = reader->prefill_flops(),
                        .tokens = static_cast<double>(tokens),
                        .parts = static_cast<int>(reader->questions())};
    return {amount, timed([=] { reader->ask_all(); })};
  });
  add(s, "pipeline/receipts-" + variant + "/first_token", [=](int threads) -> std::pair<Amount, Call> {
    auto reader = std::make_shared<Reader<Model>>(folder, threads);
    const pv::Cost cost = reader->first_token_cost();
    return {{.flops = cost.flops(), .bytes = cost.bytes, .tokens = static_cast<double>(reader->rows())},
            timed([=] { reader->first_token(); })};
  });
}

}  // namespace cpu_bench
