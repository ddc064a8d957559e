#include "proxyv/model/session.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

R be(options());
const Spatial model = random_decoder<Spatial>(be, config(2), 11);
const Question picture(model, {1, image, 2, 3}, {{2}});

Session<Spatial> started(index_t capacity = 96) {
  Session<Spatial> s(be, model, capacity);
  s.start(picture.prompt());
  return s;
}

template <class S>
std::vector<float> logits(const S& session) {
  return small::values(session.logits());
}

/// Logits of a new prompt with these tokens after the picture's.
std::vector<float> fresh(std::vector<TokenId> more) {
  std::vector<TokenId> ids = picture.ids;
  ids.insert(ids.end(), more.begin(), more.end());
  return prefill(model, be, Question(model, ids, picture.images)).logits;
}

std::vector<TokenId> operator+(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<TokenId> q2{7, 8, 9}, q3{4};

}  // namespace

TEST_CASE("session: asking again equals a new prompt of the whole conversation") {
  auto s = started();
  const auto first = s.generate({.max_tokens = 5});
  REQUIRE(first.size() == 5);
  s.say(small::span_of(q2));
  CHECK(small::deviation(logits(s), fresh(first + q2)) < 1e-5);
  const auto second = s.generate({.max_tokens = 3});
  s.say(small::span_of(q3));
  CHECK(small::deviation(logits(s), fresh(first + q2 + second + q3)) < 1e-5);
  CHECK(s.cache().length() == picture.layout.rows() + 5 + 3 + 3 + 1);
}

TEST_CASE("session: asking again where the picture came last") {
  const Question last(model, {1, 2, image}, {{2}}), both(model, {1, 2, image, 7, 8, 9}, {{2}});
  Session<Spatial> s(be, model, 96);
  s.start(last.prompt());
  s.say(small::span_of(q2));
  CHECK(small::deviation(logits(s), prefill(model, be, both).logits) < 1e-5);
}

TEST_CASE("session: a second question costs its own tokens") {
  const double again = model.plan_append(picture.layout.rows(), 3).flops();
  CHECK(again * 5 < model.plan_prefill(picture.layout).flops());
}

TEST_CASE("session: greedy tokens are those of new prompts") {
  auto s = started();
  std::vector<TokenId> so_far;
  for (int i = 0; i < 4; ++i) {
    const auto all = fresh(so_far);
    const auto best = static_cast<TokenId>(std::max_element(all.begin(), all.end()) - all.begin());
    CHECK(s.next_token() == best);
    so_far.push_back(best);
  }
}

TEST_CASE("session: back to a mark and on with another question") {
  auto s = started();
  const auto mark = s.mark();
  s.generate({.max_tokens = 4});
  s.say(small::span_of(q2));
  s.rewind(mark);
  CHECK(s.cache().length() == picture.layout.rows());
  s.say(small::span_of(q3));
  CHECK(small::deviation(logits(s), fresh(q3)) < 1e-5);
}

TEST_CASE("session: after rewinding the old logits are not used") {
  auto s = started();
  const auto mark = s.mark();
  s.say(small::span_of(q2));
  s.rewind(mark);
  CHECK(error_of<ArgumentError>([&] { s.next_token(); }) == "Session: say() something after rewind()");
  CHECK(error_of<ArgumentError>([&] { s.generate({}); }) == "Session: say() something after rewind()");
  s.say(small::span_of(q3));
  CHECK_NOTHROW(s.next_token());
  auto still = started();
  still.rewind(still.mark());  // nowhere: the logits are good
  CHECK_NOTHROW(still.next_token());
  CHECK(error_of<ArgumentError>([&] { still.rewind({1000, 1000}); }) == "KvCache: truncate to 1000 of 37");
}

TEST_CASE("session: streaming, and stopping by the callback") {
  auto s = started();
  const auto all = s.generate({.max_tokens = 6});
  std::vector<TokenId> streamed;
  s.start(picture.prompt());
  CHECK(s.generate({.max_tokens = 6}, [&](TokenId t) { streamed.push_back(t); }) == all);
  CHECK(streamed == all);
  s.start(picture.prompt());
  int calls = 0;
  const auto some = s.generate({.max_tokens = 6}, [&](TokenId) { return ++calls < 3; });
  CHECK(some == std::vector<TokenId>(all.begin(), all.begin() + 3));
  CHECK(s.generate({.max_tokens = 3}) == std::vector<TokenId>(all.begin() + 3, all.end()));  // goes on where it was
}

TEST_CASE("session: stop tokens end generation and are returned") {
  auto s = started();
  const auto all = s.generate({.max_tokens = 12, .sampling = {.temperature = 1.f, .seed = 2}});
  const auto stop_at = std::find_if(all.begin() + 2, all.end(), [&](TokenId t) { return std::find(all.begin(), all.begin() + 2, t) == all.begin() + 2; });
  REQUIRE(stop_at != all.end());
  const std::vector<TokenId> stop{-5, *stop_at};
  s.start(picture.prompt());
  CHECK(s.generate({.max_tokens = 12, .sampling = {.temperature = 1.f, .seed = 2}, .stop = small::span_of(stop)}) ==
        std::vector<TokenId>(all.begin(), stop_at + 1));
}

TEST_CASE("session: sampling is reproducible by its seed") {
  auto s = started();
  const auto with = [&](std::uint64_t seed) {
    s.start(picture.prompt());
    return s.generate({.max_tokens = 20, .sampling = {.temperature = 2.f, .seed = seed}});
  };
  const auto one = with(1);
  CHECK(with(1) == one);
  CHECK(with(2) != one);
  for (const TokenId t : one) CHECK((t >= 0 && t < 32));
}

TEST_CASE("session: no tokens wanted, none made") {
  auto s = started();
  const auto before = s.cache().length();
  CHECK(s.generate({.max_tokens = 0}).empty());
  CHECK(s.cache().length() == before);
}

TEST_CASE("session: a full cache says so and keeps the conversation") {
  auto s = started(picture.layout.rows() + 2);
  std::vector<TokenId> got;
  CHECK(error_of<CacheFullError>([&] { s.generate({.max_tokens = 10}, [&](TokenId t) { got.push_back(t); }); }) ==
        "KvCache: 1 more tokens wanted, 39 of 39 rows are taken");
  CHECK(got.size() == 3);  // two fed, the third chosen
  CHECK(s.cache().length() == s.cache().capacity());
  CHECK(error_of<CacheFullError>([&] { s.say(small::span_of(q3)); }) == "KvCache: 2 more tokens wanted, 39 of 39 rows are taken");
  CHECK(error_of<CacheFullError>([] { started(picture.layout.rows() - 1); }) == "KvCache: 37 more tokens wanted, 0 of 36 rows are taken");
}

TEST_CASE("session: misuse is named and changes nothing") {
  Session<Spatial> empty(be, model, 50);
  CHECK(error_of<ArgumentError>([&] { empty.next_token(); }) == "Session: start() a prompt first");
  auto s = started();
  const auto before = logits(s);
  const std::vector<TokenId> wrong{3, 32};
  CHECK(error_of<ArgumentError>([&] { s.say(small::span_of(wrong)); }) == "embedding: token 1 is 32, wanted 0..31");
  CHECK(error_of<ArgumentError>([&] { s.say({}); }) == "Session: nothing to say");
  CHECK(error_of<ArgumentError>([&] { s.generate({.max_tokens = -1}); }) == "generate: max_tokens -1, wanted >= 0");
  CHECK(error_of<ArgumentError>([&] { s.generate({.sampling = {.top_p = 0.f}}); }) == "Sampling: top_p 0.000000, wanted in (0, 1]");
  CHECK(error_of<ArgumentError>([&] { s.next_token({.temperature = -1.f}); }) == "Sampling: temperature -1.000000, wanted a finite number >= 0");
  CHECK(s.cache().length() == picture.layout.rows());
  CHECK(small::same_bits(logits(s), before));
}

TEST_CASE("session: logits that are not finite are an error, never a token") {
  R own(options());
  RuntimeConfig c = config(4);
  WeightStore<R> kept;
  DecoderWeights<R> w = random_weights(c, kept, {.seed = 1});
  const std::vector<float> gain(16, std::numeric_limits<float>::quiet_NaN());
  w.norm = small::span_of(gain);
  const Plain poisoned(own, c, w);
  Session<Plain> s(own, poisoned, 10);
  const Question q(poisoned, {1, 2}, {});
  s.start(q.prompt());
  CHECK(error_of<Error>([&] { s.generate({}); }) == "generate: the logits are not finite");
}

TEST_CASE("session: workspace_bytes is enough for the prompt, the turns and sampling") {
  const std::size_t bytes = workspace_bytes(model, picture.layout, 3);
  Workspace memory(bytes);
  R small_engine(memory.options());
  Session<Spatial> s(small_engine, model, 96);
  s.start(picture.prompt());
  const auto tokens = s.generate({.max_tokens = 3, .sampling = {.temperature = 1.f}});
  s.say(small::span_of(q2));
  CHECK(tokens.size() == 3);
  CHECK(small_engine.workspace_peak() <= bytes);
  CHECK(bytes == std::max(model.plan_prefill(picture.layout).workspace, model.plan_append(picture.layout.rows(), 3).workspace));
  CHECK(workspace_bytes(model, picture.layout, 3, {.savings = Savings::none(), .all_rows = true}) > bytes);
}

namespace {

/// Its `failing`th download of numbers from now on fails.
struct Flaky : R {
  using R::R;
  int failing = 0;

  using R::download;
  void download(Span<const std::int32_t> from, Span<std::int32_t> to) {
    if (failing > 0 && --failing == 0) throw Error("the line is down");
    R::download(from, to);
  }
};

}  // namespace

TEST_CASE("session: a token whose way back failed is the next call's") {
  const Sampling sampling{.temperature = 1.5f, .seed = 5};
  const std::vector<TokenId> wanted = started().generate({.max_tokens = 6, .sampling = sampling});
  Flaky flaky(options());
  for (int at = 1; at <= 5; ++at) {
    Session<Spatial, Flaky> session(flaky, model, 96);
    session.start(picture.prompt());
    flaky.failing = at;
    std::vector<TokenId> said;
    while (said.size() < wanted.size()) {
      try {
        said.push_back(session.next_token(sampling));
      } catch (const Error&) {
      }
    }
    CHECK(said == wanted);
  }
}
