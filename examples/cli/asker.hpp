// AskerOn: the Asker on one engine.
#pragma once

#include <algorithm>
#include <chrono>

#include "loaded.hpp"

namespace asking {

class Clock {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

template <class B>
class AskerOn : public Asker {
 public:
  AskerOn(const std::string& folder, const Options& options)
      : options_(options),
        loaded_(folder, options),
        model_(loaded_.model()),
        tokenizer_(loaded_.tokenizer()) {
    options_.generate.stop = {loaded_.stop().data(), size(loaded_.stop())};
  }

  Report ask(const pv::Image& picture, const std::vector<std::string>& questions) const override {
    return model_.visit([&](const auto& decoder) { return ask_with(decoder, picture, questions); });
  }

 private:
  template <class Decoder>
  Report ask_with(const Decoder& decoder, const pv::Image& picture,
                  const std::vector<std::string>& questions) const {
    const pv::ImageSlot slot{model_.count_crops(picture.width(), picture.height())};
    const std::vector<pv::TokenId> prefix = loaded_.prompt_before_question();
    const pv::TokenLayout layout({prefix.data(), size(prefix)}, {&slot, 1}, model_.crop_shape());
    const index_t longest = longest_question(questions);
    B be = cli::make_engine<B>(options_.threads, std::max(model_.plan_encode(slot.crops).workspace,
                                                          pv::workspace_bytes(decoder, layout, longest)));

    Report report;
    const Clock encoding;
    const auto encoded = model_.encode(be, picture);
    report.encode =
        stage(encoded.rows, model_.plan_encode(slot.crops), model_.plan_encode(slot.crops), encoding.ms());

    pv::Session session(be, decoder, layout.rows() + longest + options_.generate.max_tokens);
    const Clock reading;
    session.start({layout, encoded.tokens()});
    be.sync();
    report.prefill =
        stage(layout.rows(), decoder.plan_prefill(layout), plain_prefill(prefix, slot), reading.ms());
    const auto picture_read = session.mark();
    for (std::size_t i = 0; i < questions.size(); ++i) {
      session.rewind(picture_read);
      report.answers.push_back(answer(be, decoder, session, questions[i], i));
      report.prefill += report.answers.back().prefill;
      report.decode += report.answers.back().decode;
    }
    return report;
  }

  template <class Decoder>
  Answer answer(B& be, const Decoder& decoder, pv::Session<Decoder>& session, const std::string& question,
                std::size_t index) const {
    Answer out;
    out.question = question;
    const std::vector<pv::TokenId> ids = loaded_.question_ids(question);
    const pv::Cost asking_cost = decoder.plan_append(session.cache().length(), size(ids));
    const Clock asking;
    session.say({ids.data(), size(ids)});
    be.sync();
    out.prefill = stage(size(ids), asking_cost, asking_cost, asking.ms());

    const index_t before = session.cache().length();
    const Clock decoding;
    const auto tokens = session.generate(options_.generate, [&](pv::TokenId id) {
      if (loaded_.is_stop(id)) return;
      const std::string piece(tokenizer_.token_text(id));
      out.text += piece;
      if (options_.on_text) options_.on_text(index, piece);
    });
    const auto steps = size(tokens);
    pv::Cost step = decoder.plan_append(before + steps / 2);
    step.linear_flops *= static_cast<double>(steps);
    step.attention_flops *= static_cast<double>(steps);
    out.decode = stage(steps, step, step, decoding.ms());
    return out;
  }

  /// The same prompt with all its tokens through a plain decoder of the same sizes.
  pv::Cost plain_prefill(const std::vector<pv::TokenId>& ids, const pv::ImageSlot& slot) const {
    pv::RuntimeConfig config = model_.config();
    config.proxy_start = config.layers;
    config.reduction = {};
    config.study = {};
    pv::PlanBackend<B> plan;
    const pv::PlainDecoder<B> plain(plan, config, pv::shape_only_weights<B>(config));
    const index_t max_length = model_.checkpoint().tokenizer_model_max_length;
    return plain.plan_prefill(
        pv::TokenLayout({ids.data(), size(ids)}, {&slot, 1}, plain.crop_shape(max_length)));
  }

  index_t longest_question(const std::vector<std::string>& questions) const {
    index_t longest = 1;
    for (const std::string& q : questions) longest = std::max(longest, size(loaded_.question_ids(q)) + 1);
    return longest;
  }

  static Stage stage(index_t tokens, const pv::Cost& cost, const pv::Cost& plain, double ms) {
    return {tokens, cost.flops() / 1e9, plain.flops() / 1e9, ms};
  }
  static index_t size(const std::vector<pv::TokenId>& ids) { return static_cast<index_t>(ids.size()); }

  Options options_;
  Loaded<B> loaded_;
  const pv::Lmm<B>& model_;
  const pv::text::CharTokenizer& tokenizer_;
};

}  // namespace asking
