// Session: one conversation. A prompt goes in once; questions are appended; tokens come out.
//
// Vision states depend only on what precedes them, so an encoded picture stays good for every later
// question: asking again costs only the question's own tokens, and gives what a full new prefill
// would give.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <vector>

#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {

/// How tokens are generated.
struct GenerateOptions {
  index_t max_tokens = 64;
  Sampling sampling{};
  Span<const TokenId> stop{};  ///< generation ends after any of these; the stop token is returned too
};

/// A decoder, an engine and a cache at work on one conversation. Not shared between threads.
/// E: the engine it runs on, the model's own or one with the same tensors (a derived engine, say).
template <class Model, class E = typename Model::backend>
  requires SameTensorsAs<E, typename Model::backend>
class Session {
 public:
  using B = typename Model::backend;

  /// capacity: vision + newline + text + generated tokens that fit. Start-up: allocates the cache.
  Session(E& be, const Model& model, index_t capacity)
      : be_(be),
        model_(model),
        cache_(be, model.cache_shape(capacity)),
        logits_(be.template alloc<Elem<B>>(model.config().vocab)),
        state_(be, model.stages_count()) {}

  /// Forgets the conversation before and runs a whole prompt.
  template <class Hook = NoHook>
  void start(const Prompt<B>& prompt, const PrefillOptions& options = {}, Hook&& hook = {}) {
    restart();
    model_.prefill(be_, prompt, cache_, logits(), options, hook);
  }

  /// Appends tokens to the conversation (a further question). A generated token that was not fed yet
  /// goes in first.
  void say(Span<const TokenId> ids) {
    PROXYV_CHECK(!ids.empty(), ArgumentError, "Session: nothing to say");
    model_.embedding().check(ids);
    cache_.require(ids.size() + (pending_ != not_a_token ? 1 : 0));
    feed_pending();
    state_stands_ = false;
    model_.append(be_, ids, cache_, logits());
    rewound_ = false;
  }

  /// Generates tokens and hands each to on_token(TokenId); a callback that returns false stops it.
  /// Returns the tokens. Throws CacheFullError when the cache is full, Error for logits that are not finite.
  template <class OnToken = NoHook>
  std::vector<TokenId> generate(const GenerateOptions& options, OnToken&& on_token = {}) {
    PROXYV_CHECK(options.max_tokens >= 0, ArgumentError, "generate: max_tokens ", options.max_tokens, ", wanted >= 0");
    options.sampling.check();
    std::vector<TokenId> tokens;
    tokens.reserve(static_cast<std::size_t>(std::min<index_t>(options.max_tokens, cache_.capacity())));
    for (index_t i = 0; i < options.max_tokens; ++i) {
      const TokenId token = next_token(options.sampling);
      tokens.push_back(token);
      if (!wants_more(on_token, token)) break;
      if (std::find(options.stop.begin(), options.stop.end(), token) != options.stop.end()) break;
    }
    return tokens;
  }

  /// One token: feeds the one before if it is still pending, chooses the next from the logits.
  TokenId next_token(const Sampling& sampling = {}) {
    PROXYV_CHECK(cache_.length() > 0, ArgumentError, "Session: start() a prompt first");
    PROXYV_CHECK(!rewound_, ArgumentError, "Session: say() something after rewind()");
    sampling.check();
    const bool recorded = recorded_step(sampling);
    if (!recorded) {
      feed_pending();
      be_.sample(logits(), sampling, step_, state_.token());
    }
    TokenId token = not_a_token;
    be_.download(Ids<B>(state_.token()), Span<std::int32_t>(&token, 1));
    be_.sync();
    PROXYV_CHECK(token != not_a_token, Error, "generate: the logits are not finite");
    ++step_;  // only now: after a failure until here the same call chooses the same token
    state_stands_ = recorded;
    return pending_ = token;
  }

  const KvCache<B>& cache() const { return cache_; }
  /// Logits [1, vocab] behind the next token.
  Out<B> logits() const { return logits_.matrix(1, model_.config().vocab); }

  /// Where the conversation stands, to come back to with rewind().
  struct Mark {
    index_t length = 0, next_position = 0;
  };
  /// A state from which further say() calls start, e.g. right after the picture's prompt.
  Mark mark() const { return {cache_.length(), cache_.next_position()}; }
  void rewind(const Mark& mark) {
    const bool moves = mark.length != cache_.length();
    cache_.truncate(mark.length, mark.next_position);
    state_stands_ = false;
    pending_ = not_a_token;
    rewound_ = rewound_ || moves;  // the logits are those of what was forgotten
  }

 private:
  static constexpr bool records = GraphOps<E> && StepOps<E>;
  struct Nothing {};
  template <class Engine>
  struct GraphOf {
    using type = Nothing;
  };
  template <GraphOps Engine>
  struct GraphOf<Engine> {
    using type = typename Engine::graph;
  };

  /// Feeds the pending token and chooses the next with one launch, on engines that can record. The step is
  /// recorded the first time, and again when the sampling changes.
  bool recorded_step([[maybe_unused]] const Sampling& sampling) {
    if constexpr (records) {
      if (pending_ == not_a_token) return false;
      cache_.require(1);
      if (!graph_ || sampling != recorded_)
        graph_.emplace(be_.record([this, sampling] { model_.step(be_, state_, cache_, logits(), sampling); }));
      recorded_ = sampling;
      if (!state_stands_) state_.set(be_, pending_, cache_, model_.stage_layers(), step_);
      be_.replay(*graph_);
      cache_.commit(1, cache_.next_position() + 1);
      state_stands_ = false;
      pending_ = not_a_token;  // it is fed
      return true;
    }
    return false;
  }

  void restart() {
    state_stands_ = false;
    cache_.clear();
    pending_ = not_a_token;
    rewound_ = false;
    step_ = 0;
  }

  void feed_pending() {
    if (pending_ == not_a_token) return;
    const TokenId token = pending_;
    state_stands_ = false;
    model_.append(be_, Span<const TokenId>(&token, 1), cache_, logits());
    pending_ = not_a_token;
  }

  template <class OnToken>
  static bool wants_more(OnToken& on_token, TokenId token) {
    if constexpr (std::same_as<decltype(on_token(token)), bool>) {
      return on_token(token);
    } else {
      on_token(token);
      return true;
    }
  }

  E& be_;
  const Model& model_;
  KvCache<B> cache_;
  Buffer<Elem<B>, SpaceOf<B>> logits_;
  StepState<B> state_;
  std::optional<typename GraphOf<E>::type> graph_;
  Sampling recorded_{};         ///< the sampling graph_ was recorded with
  bool state_stands_ = false;   ///< state_ is where the conversation is
  TokenId pending_ = not_a_token;
  bool rewound_ = false;
  std::uint64_t step_ = 0;
};

/// Workspace an engine needs for a prompt of this layout, questions of up to `turn` tokens after it,
/// and sampling.
template <class Model>
std::size_t workspace_bytes(const Model& model, const TokenLayout& layout, index_t turn = 64, const PrefillOptions& options = {}) {
  using B = typename Model::backend;
  PlanBackend<B> sampling;
  sampling.sample({nullptr, 1, model.config().vocab}, {}, 0, {nullptr, 1});
  return std::max({model.plan_prefill(layout, options).workspace, model.plan_append(layout.rows(), turn).workspace,
                   sampling.cost().workspace});
}

}  // namespace proxyv::inline v0
