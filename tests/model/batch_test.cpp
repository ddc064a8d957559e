#include "proxyv/model/batch.hpp"

#include "model/tiny.hpp"
#include "proxyv/eigen.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

template <class B>
struct Rows {
  using Model = ProxyDecoder<B>;

  B be{options()};
  Model model = random_decoder<Model>(be, config(2), 11);
  Question a{model, {1, image, 2, 3}, {{2}}}, b{model, {4, 5}, {}},
      c{model, {image, 6, image, 7, 8}, {{1}, {2}}};

  Prompt<B> prompt(const Question& q) const { return {q.layout, q.features}; }
  std::vector<TokenId> alone(const Question& q, index_t tokens, const Sampling& sampling = {}) {
    Session<Model> session(be, model, q.layout.rows() + tokens);
    session.start(prompt(q));
    return session.generate({.max_tokens = tokens, .sampling = sampling});
  }
};

using Tokens = std::vector<TokenId>;

}  // namespace

TEMPLATE_TEST_CASE("batch: rows say what each says alone", "", ReferenceBackend, EigenBackend) {
  Rows<TestType> w;
  const Sampling sampling{.temperature = 1.1f, .top_k = 12, .seed = 5};
  for (const Sampling& how : {Sampling{}, sampling}) {
    BatchSession session(w.be, w.model, 3, 64);
    for (const Question* q : {&w.a, &w.b, &w.c}) session.start(w.prompt(*q));
    CHECK(session.running() == 3);
    const auto tokens = session.generate({.max_tokens = 9, .sampling = how});
    CHECK(tokens[0] == w.alone(w.a, 9, how));
    CHECK(tokens[1] == w.alone(w.b, 9, how));
    CHECK(tokens[2] == w.alone(w.c, 9, how));
  }
}

TEMPLATE_TEST_CASE("batch: states are those of a row alone", "", ReferenceBackend, EigenBackend) {
  Rows<TestType> w;
  BatchSession together(w.be, w.model, 2, 64);
  Session<typename Rows<TestType>::Model> alone(w.be, w.model, 64);
  together.start(w.prompt(w.a));
  together.start(w.prompt(w.c));
  together.generate({.max_tokens = 6});
  alone.start(w.prompt(w.c));
  alone.generate({.max_tokens = 6});
  CHECK(together.cache(1).length() == alone.cache().length());
  if constexpr (std::is_same_v<TestType, ReferenceBackend>) {
    CHECK(small::same_bits(contents(together.cache(1)), contents(alone.cache())));
    CHECK(small::same_bits(small::values(together.logits(1)), small::values(alone.logits())));
  } else {
    CHECK(small::deviation(contents(together.cache(1)), contents(alone.cache())) < 1e-5);
    CHECK(small::deviation(small::values(together.logits(1)), small::values(alone.logits())) < 1e-5);
  }
}

TEST_CASE("batch: rows join and leave between steps") {
  Rows<R> w;
  const Tokens a = w.alone(w.a, 8), b = w.alone(w.b, 8), c = w.alone(w.c, 8);
  BatchSession session(w.be, w.model, 2, 64);
  std::vector<Tokens> said(2);
  const auto steps = [&](int n) {
    for (int i = 0; i < n; ++i)
      for (const auto& [row, token] : session.next_tokens())
        said[static_cast<std::size_t>(row)].push_back(token);
  };
  CHECK(session.next_tokens().empty());
  CHECK(session.start(w.prompt(w.a)) == 0);
  steps(3);
  CHECK(session.start(w.prompt(w.b)) == 1);
  CHECK(error_of<ArgumentError>([&] { session.start(w.prompt(w.c)); }) ==
        "BatchSession: all 2 rows are taken");
  steps(2);
  CHECK(said[0] == Tokens(a.begin(), a.begin() + 5));
  CHECK(said[1] == Tokens(b.begin(), b.begin() + 2));
  session.leave(0);
  CHECK(session.taken() == 1);
  said[0].clear();
  CHECK(session.start(w.prompt(w.c)) == 0);
  steps(4);
  CHECK(said[0] == Tokens(c.begin(), c.begin() + 4));
  CHECK(said[1] == Tokens(b.begin(), b.begin() + 6));
}

TEST_CASE("batch: a row rests, and goes on where it was") {
  Rows<R> w;
  const Tokens a = w.alone(w.a, 6), c = w.alone(w.c, 6);
  BatchSession session(w.be, w.model, 3, 64);
  for (const Question* q : {&w.a, &w.b, &w.c}) session.start(w.prompt(*q));
  Tokens first, third;
  for (int i = 0; i < 6; ++i) {
    if (i == 2) session.rest(1);  // its neighbours' logits no longer lie together
    for (const auto& [row, token] : session.next_tokens()) {
      CHECK((row != 1 || i < 2));
      if (row == 0) first.push_back(token);
      if (row == 2) third.push_back(token);
    }
  }
  CHECK(first == a);
  CHECK(third == c);
  CHECK_FALSE(session.is_running(1));

  const Tokens more{9, 10};
  session.say(1, small::span_of(more));
  CHECK(session.is_running(1));
  Session<Spatial> alone(w.be, w.model, 64);
  alone.start(w.b.prompt());
  alone.generate({.max_tokens = 2});
  alone.say(small::span_of(more));
  CHECK(small::same_bits(small::values(session.logits(1)), small::values(alone.logits())));
}

TEST_CASE("batch: stop tokens and callbacks let a row rest") {
  Rows<R> w;
  const Tokens a = w.alone(w.a, 12), b = w.alone(w.b, 12);
  const TokenId stop = a[3];
  const auto until = [&](const Tokens& all) {
    const auto found = std::find(all.begin(), all.end(), stop);
    return Tokens(all.begin(), found == all.end() ? found : found + 1);
  };
  BatchSession session(w.be, w.model, 2, 64);
  session.start(w.prompt(w.a));
  session.start(w.prompt(w.b));
  const auto tokens = session.generate({.max_tokens = 12, .stop = {&stop, 1}});
  CHECK(tokens[0] == until(a));
  CHECK(tokens[1] == until(b));
  session.leave(0);
  session.leave(1);
  session.start(w.prompt(w.a));
  session.start(w.prompt(w.b));
  std::vector<RowToken> heard;
  const auto some = session.generate({.max_tokens = 5}, [&](index_t row, TokenId token) {
    heard.push_back({row, token});
    return row != 1;
  });
  CHECK(some[0] == Tokens(a.begin(), a.begin() + 5));
  CHECK(some[1] == Tokens(b.begin(), b.begin() + 1));
  CHECK(heard.size() == 6);
  CHECK(heard[1] == RowToken{1, b[0]});
}

TEST_CASE("batch: a full row is named, and the others go on without it") {
  Rows<R> w;
  const index_t capacity = w.c.layout.rows() + 2;
  BatchSession session(w.be, w.model, 2, capacity);
  session.start(w.prompt(w.b));
  session.start(w.prompt(w.c));
  CHECK(session.generate({.max_tokens = 3})[1].size() == 3);
  const auto length = session.cache(0).length();
  CHECK(error_of<CacheFullError>([&] { session.next_tokens(); }) ==
        "BatchSession: row 1 is full: 1 more tokens wanted, " + std::to_string(capacity) + " of " +
            std::to_string(capacity) + " are taken");
  CHECK(session.cache(0).length() == length);  // nothing was fed
  session.rest(1);
  CHECK(session.next_tokens().size() == 1);
  const Tokens long_one(100, 3);
  CHECK(error_of<CacheFullError>([&] {
          session.say(0, small::span_of(long_one));
        }).find("BatchSession: row 0 is full: 101 more") == 0);
  BatchSession small_one(w.be, w.model, 1, 3);
  CHECK(error_of<CacheFullError>([&] {
          small_one.start(w.prompt(w.a));
        }).find("BatchSession: row 0 is full: 37 more") == 0);
  CHECK(small_one.taken() == 0);
}

TEST_CASE("batch: misuse is refused") {
  Rows<R> w;
  BatchSession session(w.be, w.model, 2, 64);
  CHECK(error_of<ArgumentError>([&] { session.leave(0); }) ==
        "BatchSession: row 0 is free; start() a prompt first");
  CHECK(error_of<ArgumentError>([&] { session.rest(2); }) == "BatchSession: row 2 of 2");
  CHECK_THROWS_AS(session.logits(-1), ArgumentError);
  session.start(w.prompt(w.b));
  CHECK(error_of<ArgumentError>([&] { session.say(0, {}); }) == "BatchSession: row 0: nothing to say");
  const Tokens bad{1000};
  CHECK_THROWS_AS(session.say(0, small::span_of(bad)), ArgumentError);
  CHECK_THROWS_AS(session.feed(small::span_of(bad)), ArgumentError);
  const Tokens two{1, 2};
  CHECK(error_of<ArgumentError>([&] { session.feed(small::span_of(two)); }) ==
        "BatchSession: 2 tokens for 1 running rows");
  CHECK(error_of<ArgumentError>([&] { BatchSession(w.be, w.model, 0, 64); }) ==
        "BatchSession: 0 rows, wanted 1..1024");
  CHECK_THROWS_AS(session.next_tokens({.temperature = -1.f}), ArgumentError);
}

TEST_CASE("batch: the decoder's step of several refuses what does not fit") {
  Rows<R> w;
  KvCache<R> one(w.be, w.model.cache_shape(4)), other(w.be, w.model.cache_shape(4));
  Matrix logits(2, 32);
  const Tokens ids{1, 2};
  std::vector<KvCache<R>*> caches{&one, &one};
  const auto step = [&] {
    w.model.append_each(w.be, small::span_of(ids), {caches.data(), static_cast<index_t>(caches.size())},
                        logits);
  };
  CHECK(error_of<ArgumentError>(step) == "append_each: rows 0 and 1 share a cache");
  caches = {&one, nullptr};
  CHECK(error_of<ArgumentError>(step) == "append_each: row 1 has no cache");
  caches = {&one};
  CHECK(error_of<ArgumentError>(step) == "append_each: 2 tokens for 1 caches, wanted 1..1024 of both");
  caches = {&one, &other};
  step();
  CHECK(one.length() == 1);
  CHECK(other.next_position() == 1);
  logits = Matrix(1, 32);
  CHECK(error_of<ShapeError>(step) == "logits: [1, 32], wanted [2, 32]");
}

TEST_CASE("batch: one step of many costs their products once over the weights") {
  Rows<R> w;
  const Cost one = w.model.plan_append(20), four = w.model.plan_append_each(4, 20);
  CHECK(four.flops() == 4.0 * one.flops());
  CHECK(four.bytes < 2.0 * one.bytes);
  Workspace enough(w.model.plan_append_each(2, 40).workspace),
      less(w.model.plan_append_each(2, 40).workspace - 1);
  KvCache<R> a(w.be, w.model.cache_shape(4)), b(w.be, w.model.cache_shape(4));
  std::vector<KvCache<R>*> caches{&a, &b};
  Matrix logits(2, 32);
  const Tokens ids{1, 2};
  R tight(enough.options()), too_tight(less.options());
  CHECK_THROWS_AS(w.model.append_each(too_tight, small::span_of(ids), {caches.data(), 2}, logits),
                  WorkspaceError);
  CHECK_NOTHROW(w.model.append_each(tight, small::span_of(ids), {caches.data(), 2}, logits));
}

TEST_CASE("batch: the planned workspace serves a batch whose rows do not lie together") {
  Rows<R> w;
  const std::vector<TokenLayout> layouts{w.a.layout, w.b.layout, w.c.layout};
  Workspace memory(batch_workspace_bytes(w.model, {layouts.data(), 3}));
  R be(memory.options());
  BatchSession session(be, w.model, 3, 64);
  for (const Question* q : {&w.a, &w.b, &w.c}) session.start(w.prompt(*q));
  CHECK_NOTHROW(session.next_tokens());
  session.rest(1);
  CHECK(session.next_tokens().size() == 2);
}

TEST_CASE("batch: a padded batch is the reference's, or each row's own") {
  Rows<R> w;
  const std::vector<RowPrompt> prompts{{small::span_of(w.a.ids), small::span_of(w.a.images)},
                                       {small::span_of(w.b.ids)}};
  const auto first_logits = [&](const Semantics& semantics) {
    const auto layouts = batch_layouts({prompts.data(), 2}, w.model.crop_shape(), semantics);
    R be(options(std::size_t{4} << 20));
    BatchSession session(be, w.model, 2, 64);
    session.start({layouts[0], w.a.features});
    session.start({layouts[1], w.b.features});
    const auto tokens = session.generate({.max_tokens = 4});
    return std::pair(tokens[1], session.cache(1).length());
  };
  const auto alone = w.alone(w.b, 4);
  CHECK(first_logits({}).first == alone);
  CHECK(first_logits({}).second == 2 + 3);
  // Padded, and dropped before tokens follow: only positions differ.
  const auto packed = first_logits({.decode_position = DecodePosition::packed});
  CHECK(packed.second == 2 + 3);
  const auto attend = first_logits({.decode_padding = DecodePadding::attend});
  CHECK(attend.second == w.a.layout.rows() + 3);
  CHECK(attend.first.front() == alone.front());  // the prompt itself never sees padding
  KvCache<R> cache(w.be, w.model.cache_shape(64));
  CHECK(error_of<ArgumentError>([&] { drop_padding(w.be, w.a.layout, cache); }) ==
        "drop_padding: the cache holds 0 rows, the layout has 37");
}
