// Loaded: a checkpoint with its tokenizer, on one engine; what asking it and looking into it both begin with.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "asking.hpp"
#include "make_engine.hpp"
#include "proxyv/text/char_tokenizer.hpp"

namespace asking {

template <class B>
class Loaded {
 public:
  Loaded(const std::string& folder, const Options& options)
      : loader_(cli::make_engine<B>(options.threads)),
        model_(loader_, folder, {.form = options.form, .load = {.weights = options.weights}}),
        tokenizer_(pv::text::CharTokenizer::from_file(model_.files().folder() + "/tokenizer.json")),
        stop_(model_.checkpoint().eos_token_ids) {
    PROXYV_CHECK(tokenizer_.size() == model_.config().vocab, pv::LoadError, folder,
                 "/tokenizer.json: ", tokenizer_.size(), " tokens, the model wants ", model_.config().vocab);
    PROXYV_CHECK(tokenizer_.bos().has_value(), pv::LoadError, folder,
                 "/tokenizer.json: bos: wanted an id, found nothing");
  }

  const pv::Lmm<B>& model() const { return model_; }
  const pv::text::CharTokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<pv::TokenId>& stop() const { return stop_; }
  bool is_stop(pv::TokenId id) const { return std::find(stop_.begin(), stop_.end(), id) != stop_.end(); }

  /// <s> picture newline: what stands before each question.
  std::vector<pv::TokenId> prompt_before_question() const {
    std::vector<pv::TokenId> ids{*tokenizer_.bos(), pv::image_token};
    for (const pv::TokenId id : tokenizer_.encode("\n")) ids.push_back(id);
    return ids;
  }
  std::vector<pv::TokenId> question_ids(const std::string& question) const {
    return tokenizer_.encode(question + "\n");
  }

 private:
  B loader_;
  pv::Lmm<B> model_;
  pv::text::CharTokenizer tokenizer_;
  std::vector<pv::TokenId> stop_;
};

}  // namespace asking
