// BatchSession: several conversations at work on one engine, each token of all of them one step.
//
// Conversations are rows. Each has its own cache, so rows may differ in every length, join and leave between
// steps, and get what they would get alone. Prompts run one by one; tokens together, which reads the weights
// once.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include "proxyv/model/session.hpp"
#include "proxyv/proxy/batch_layout.hpp"

namespace proxyv::inline v0 {

/// A token that a row has chosen.
struct RowToken {
  index_t row = 0;
  TokenId token = not_a_token;

  friend bool operator==(const RowToken&, const RowToken&) = default;
};

/// Hides what a padded prompt's padding left in a cache from the tokens that follow: the prompt's own rows
/// move together, the others go. layout: the one the cache was filled from, and by nothing else since.
template <class B, class E>
void drop_padding(E& be, const TokenLayout& layout, KvCache<B>& cache) {
  PROXYV_CHECK(cache.length() == layout.rows(), ArgumentError, "drop_padding: the cache holds ",
               cache.length(), " rows, the layout has ", layout.rows());
  if (!layout.hides_rows()) return;
  const index_t newlines = layout.own_newlines(), text = layout.own_text(), to = layout.own_vision();
  const auto pull = [&](const Out<B>& plane) {
    auto frame = be.frame();
    auto kept = frame.matrix(newlines + text, cache.width());
    be.copy(plane.row_range(layout.vision(), newlines), kept.row_range(0, newlines));
    be.copy(plane.row_range(layout.vision() + layout.newlines(), text), kept.row_range(newlines, text));
    be.copy(kept, plane.row_range(to, newlines + text));
  };
  for (index_t layer = 0; layer < cache.layers(); ++layer) {
    pull(cache.keys(layer, 0, layout.rows()));
    pull(cache.values(layer, 0, layout.rows()));
  }
  cache.truncate(to + newlines + text, cache.next_position());
}

/// A decoder, an engine and a cache per row. Not shared between threads.
template <class Model, class E = typename Model::backend>
  requires SameTensorsAs<E, typename Model::backend>
class BatchSession {
 public:
  using B = typename Model::backend;

  /// rows: conversations at once, at most Model::max_rows; capacity: tokens that fit in each.
  /// Start-up: allocates all their caches.
  BatchSession(E& be, const Model& model, index_t rows, index_t capacity)
      : be_(be),
        model_(model),
        logits_(logits_for(be, model, rows)),
        next_(be.template alloc<std::int32_t>(rows)) {
    rows_.reserve(at(rows));
    for (index_t i = 0; i < rows; ++i) rows_.emplace_back(KvCache<B>(be, model.cache_shape(capacity)));
    ids_.reserve(at(rows));
    caches_.reserve(at(rows));
    chosen_.reserve(at(rows));
    host_.resize(at(rows));
  }

  index_t rows() const { return static_cast<index_t>(rows_.size()); }
  /// Rows that are taken, and those of them that are generating.
  index_t taken() const {
    return std::count_if(rows_.begin(), rows_.end(), [](const Row& r) { return r.taken; });
  }
  index_t running() const {
    return std::count_if(rows_.begin(), rows_.end(), [](const Row& r) { return r.running; });
  }
  bool is_running(index_t row) const { return at_row(row).running; }

  /// Runs a prompt in the first free row, which is returned and runs from now on. Throws ArgumentError when
  /// all are taken.
  template <class Hook = NoHook>
  index_t start(const Prompt<B>& prompt, const PrefillOptions& options = {}, Hook&& hook = {}) {
    const auto free = std::find_if(rows_.begin(), rows_.end(), [](const Row& r) { return !r.taken; });
    PROXYV_CHECK(free != rows_.end(), ArgumentError, "BatchSession: all ", rows(), " rows are taken");
    const index_t row = free - rows_.begin();
    free->cache.clear();
    check_room(row, prompt.layout.rows());
    model_.prefill(be_, prompt, free->cache, logits(row), options, hook);
    if (prompt.layout.semantics().decode_padding == DecodePadding::mask)
      drop_padding(be_, prompt.layout, free->cache);
    free->taken = free->running = true;
    free->pending = not_a_token;
    free->step = 0;
    return row;
  }

  /// Appends tokens to a row's conversation, which runs (again) from now on. A generated token that was not
  /// fed yet goes in first.
  void say(index_t row, Span<const TokenId> ids) {
    Row& r = taken_row(row);
    PROXYV_CHECK(!ids.empty(), ArgumentError, "BatchSession: row ", row, ": nothing to say");
    model_.embedding().check(ids);
    const bool pending = r.pending != not_a_token;
    check_room(row, ids.size() + (pending ? 1 : 0));
    if (pending) model_.append(be_, Span<const TokenId>(&r.pending, 1), r.cache, logits(row));
    r.pending = not_a_token;
    model_.append(be_, ids, r.cache, logits(row));
    r.running = true;
  }

  /// The row keeps its conversation and gets no more tokens until something is said to it.
  void rest(index_t row) { taken_row(row).running = false; }
  /// The row is free for another conversation.
  void leave(index_t row) {
    Row& r = taken_row(row);
    r.running = r.taken = false;
    r.pending = not_a_token;
    r.cache.clear();
  }

  /// Feeds every running row a token of the caller's choice, all in one step: tokens [running()], in the
  /// order of rows. They take the place of tokens that were chosen and wait to be fed.
  void feed(Span<const TokenId> tokens) {
    PROXYV_CHECK(tokens.size() == running(), ArgumentError, "BatchSession: ", tokens.size(), " tokens for ",
                 running(), " running rows");
    model_.embedding().check(tokens);
    index_t i = 0;
    for (Row& r : rows_)
      if (r.running) r.pending = tokens[i++];
    feed_pending();
  }

  /// One token of every running row, in the order of rows; empty when none runs. What is returned stands
  /// until the next call. Throws CacheFullError naming the row that is full (rest or leave it, and go on),
  /// Error naming the row whose logits are not finite.
  Span<const RowToken> next_tokens(const Sampling& sampling = {}) {
    sampling.check();
    feed_pending();
    chosen_.clear();
    for (index_t row = 0; row < rows(); ++row) {
      Row& r = rows_[at(row)];
      if (!r.running) continue;
      be_.sample(logits(row), sampling, r.step, next_.span().part(static_cast<index_t>(chosen_.size()), 1));
      chosen_.push_back({row, not_a_token});
    }
    const auto n = static_cast<index_t>(chosen_.size());
    if (n == 0) return {};
    be_.download(Ids<B>(next_.span().part(0, n)), Span<std::int32_t>(host_.data(), n));
    be_.sync();
    for (index_t i = 0; i < n; ++i)
      PROXYV_CHECK(host_[at(i)] != not_a_token, Error, "BatchSession: row ", chosen_[at(i)].row,
                   ": the logits are not finite");
    for (index_t i = 0; i < n; ++i) {
      RowToken& chosen = chosen_[at(i)];
      Row& r = rows_[at(chosen.row)];
      chosen.token = r.pending = host_[at(i)];
      ++r.step;
    }
    return {chosen_.data(), n};
  }

  /// Generates until every row has said a stop token or max_tokens of them, and hands each to on_token(row,
  /// token); a callback that returns false lets the row rest. Returns the tokens of each row; a row that did
  /// not run has none.
  template <class OnToken = NoHook>
  std::vector<std::vector<TokenId>> generate(const GenerateOptions& options, OnToken&& on_token = {}) {
    PROXYV_CHECK(options.max_tokens >= 0, ArgumentError, "generate: max_tokens ", options.max_tokens,
                 ", wanted >= 0");
    std::vector<std::vector<TokenId>> out(rows_.size());
    for (index_t i = 0; i < options.max_tokens; ++i) {
      for (const auto& [row, token] : next_tokens(options.sampling)) {
        out[at(row)].push_back(token);
        const bool stops = std::find(options.stop.begin(), options.stop.end(), token) != options.stop.end();
        if (!wants_more(on_token, row, token) || stops) rest(row);
      }
      if (running() == 0) break;
    }
    return out;
  }

  const KvCache<B>& cache(index_t row) const { return at_row(row).cache; }
  /// Logits [1, vocab] behind a row's next token; those of the token before while it waits to be fed.
  Out<B> logits(index_t row) const {
    at_row(row);
    return logits_.matrix(rows(), model_.config().vocab).row_range(row, 1);
  }

 private:
  struct Row {
    explicit Row(KvCache<B> c) : cache(std::move(c)) {}

    KvCache<B> cache;
    bool taken = false, running = false;
    TokenId pending = not_a_token;  ///< chosen, and not fed yet
    std::uint64_t step = 0;
  };

  static std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

  static Buffer<Elem<B>, SpaceOf<B>> logits_for(E& be, const Model& model, index_t rows) {
    PROXYV_CHECK(rows > 0 && rows <= Model::max_rows, ArgumentError, "BatchSession: ", rows,
                 " rows, wanted 1..", Model::max_rows);
    return be.template alloc<Elem<B>>(element_count(rows, model.config().vocab, "BatchSession"));
  }

  const Row& at_row(index_t row) const {
    PROXYV_CHECK(row >= 0 && row < rows(), ArgumentError, "BatchSession: row ", row, " of ", rows());
    return rows_[at(row)];
  }
  Row& taken_row(index_t row) {
    PROXYV_CHECK(at_row(row).taken, ArgumentError, "BatchSession: row ", row,
                 " is free; start() a prompt first");
    return rows_[at(row)];
  }
  void check_room(index_t row, index_t tokens) const {
    const KvCache<B>& cache = rows_[at(row)].cache;
    PROXYV_CHECK(tokens <= cache.capacity() - cache.length(), CacheFullError, "BatchSession: row ", row,
                 " is full: ", tokens, " more tokens wanted, ", cache.length(), " of ", cache.capacity(),
                 " are taken");
  }

  /// Every running row's pending token, all in one step.
  void feed_pending() {
    ids_.clear();
    caches_.clear();
    index_t first = -1, last = -1;
    for (index_t row = 0; row < rows(); ++row) {
      Row& r = rows_[at(row)];
      if (!r.running || r.pending == not_a_token) continue;
      check_room(row, 1);
      ids_.push_back(r.pending);
      caches_.push_back(&r.cache);
      if (first < 0) first = row;
      last = row;
    }
    const auto n = static_cast<index_t>(ids_.size());
    if (n == 0) return;
    const Span<const TokenId> ids(ids_.data(), n);
    const Span<KvCache<B>* const> caches(caches_.data(), n);
    if (last - first + 1 == n) {  // neighbours: their logits lie together
      model_.append_each(be_, ids, caches, logits_.matrix(rows(), model_.config().vocab).row_range(first, n));
    } else {
      append_apart(ids, caches);
    }
    for (Row& r : rows_)
      if (r.running) r.pending = not_a_token;
  }

  /// The same where rows between them rest: their logits are not touched.
  void append_apart(Span<const TokenId> ids, Span<KvCache<B>* const> caches) {
    auto frame = be_.frame();
    auto together = frame.matrix(ids.size(), model_.config().vocab);
    model_.append_each(be_, ids, caches, together);
    for (index_t row = 0, i = 0; row < rows(); ++row) {
      const Row& r = rows_[at(row)];
      if (r.running && r.pending != not_a_token) be_.copy(together.row_range(i++, 1), logits(row));
    }
  }

  template <class OnToken>
  static bool wants_more(OnToken& on_token, index_t row, TokenId token) {
    if constexpr (std::same_as<std::remove_cvref_t<OnToken>, NoHook>) {
      return true;
    } else if constexpr (std::same_as<decltype(on_token(row, token)), bool>) {
      return on_token(row, token);
    } else {
      on_token(row, token);
      return true;
    }
  }

  E& be_;
  const Model& model_;
  std::vector<Row> rows_;
  Buffer<Elem<B>, SpaceOf<B>> logits_;
  Buffer<std::int32_t, SpaceOf<B>> next_;
  std::vector<TokenId> ids_;
  std::vector<KvCache<B>*> caches_;
  std::vector<RowToken> chosen_;
  std::vector<std::int32_t> host_;
};

/// Workspace an engine needs for a batch of these prompts, `tokens` more after each, turns of up to `turn`
/// tokens.
template <class Model>
std::size_t batch_workspace_bytes(const Model& model, Span<const TokenLayout> layouts, index_t turn = 64,
                                  const PrefillOptions& options = {}) {
  using B = typename Model::backend;
  std::size_t bytes = 0;
  for (const TokenLayout& layout : layouts)
    bytes = std::max(bytes, workspace_bytes(model, layout, turn, options));
  PlanBackend<B> apart;  // logits of rows that do not lie together
  auto frame = apart.frame();
  frame.matrix(layouts.size(), model.config().vocab);
  return std::max(
      bytes, model.plan_append_each(layouts.size(), 1).workspace + apart.cost().workspace + Arena::alignment);
}

}  // namespace proxyv::inline v0
