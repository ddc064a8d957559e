#include "proxyv/model/step_state.hpp"

#include <functional>

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

/// Records by keeping the work, as a CUDA engine keeps a graph of it.
struct Recorder : R {
  using R::R;
  using graph = std::function<void()>;
  int recorded = 0, replayed = 0;

  graph record(std::function<void()> work) {
    ++recorded;
    return work;
  }
  void replay(graph& g) {
    ++replayed;
    g();
  }
};

R be(options());
const Spatial model = random_decoder<Spatial>(be, config(2), 11);
const Question picture(model, {1, image, 2, 3}, {{2}});

}  // namespace

TEST_CASE("step: tokens in the engine's memory give what appended tokens give") {
  Session<Spatial> plain(be, model, 96);
  plain.start(picture.prompt());
  KvCache<R> cache(be, model.cache_shape(96));
  std::vector<float> logits(32);
  const View<float> row(logits.data(), 1, 32);
  model.prefill(be, picture.prompt(), cache, row);
  StepState<R> state(be);
  TokenId token = plain.next_token();
  state.set(be, token, cache.next_position(), cache.length(), 0);
  for (int i = 0; i < 4; ++i) {
    model.step(be, state, cache, row, {});
    cache.commit(1, cache.next_position() + 1);
    token = plain.next_token();
    CHECK(state.token()[0] == token);
    CHECK(logits == small::values(plain.logits()));
    CHECK(state.row()[0] == cache.length());
    CHECK(state.live()[0] == cache.length() + 1);
    CHECK(state.position()[0] == cache.next_position());
    CHECK(state.step()[0] == i + 1);
  }
  CHECK(contents(cache) == contents(plain.cache()));
}

TEST_CASE("step: a session on an engine that records makes one launch a token, and says the same") {
  for (const Sampling& sampling : {Sampling{}, Sampling{.temperature = 1.5f, .top_k = 9, .top_p = 0.9f, .seed = 5}}) {
    Recorder recorder(options());
    Session<Spatial> plain(be, model, 96);
    Session<Spatial, Recorder> recorded(recorder, model, 96);
    plain.start(picture.prompt());
    recorded.start(picture.prompt());
    const auto same = [&](index_t tokens) {
      CHECK(recorded.generate({.max_tokens = tokens, .sampling = sampling}) == plain.generate({.max_tokens = tokens, .sampling = sampling}));
    };
    same(6);
    CHECK(recorder.recorded == 1);
    CHECK(recorder.replayed == 5);
    const std::vector<TokenId> more{7, 8};
    plain.say(small::span_of(more));
    recorded.say(small::span_of(more));
    same(3);
    CHECK(recorder.recorded == 1);
    CHECK(contents(recorded.cache()) == contents(plain.cache()));
    CHECK(recorded.next_token({.temperature = 0.5f}) == plain.next_token({.temperature = 0.5f}));
    CHECK(recorder.recorded == 2);
  }
}

TEST_CASE("step: a full cache is refused before anything is launched") {
  Recorder recorder(options());
  Session<Spatial, Recorder> s(recorder, model, picture.layout.rows() + 1);
  s.start(picture.prompt());
  s.next_token();
  s.next_token();
  const int before = recorder.replayed;
  CHECK_THROWS_AS(s.next_token(), CacheFullError);
  CHECK(recorder.replayed == before);
}

TEST_CASE("step: stages have their own position and row, and all move on together") {
  StepState<R> state(be, 3);
  CHECK(state.stage_count() == 3);
  KvCache<R> cache(be, {4, 64, 8});
  cache.shorten(1, 10, 0);
  cache.shorten(3, 20, 25);
  cache.commit(40, 50);
  const std::vector<index_t> first{0, 1, 3};
  state.set(be, 7, cache, small::span_of(first), 2);
  const auto numbers = [&] { return std::vector<std::int32_t>(state.stages().begin(), state.stages().end()); };
  CHECK(numbers() == std::vector<std::int32_t>{50, 40, 41, 50, 30, 31, 25, 20, 21});
  CHECK(state.token()[0] == 7);
  CHECK(state.step()[0] == 2);
  be.advance(state.counters());
  CHECK(numbers() == std::vector<std::int32_t>{51, 41, 42, 51, 31, 32, 26, 21, 22});
  CHECK(state.token()[0] == 7);
  CHECK(state.step()[0] == 3);
  CHECK_THROWS_AS(state.set(be, 7, cache, small::span_of(first).first(2), 2), ArgumentError);
  CHECK_THROWS_AS(StepState<R>(be, 0), ArgumentError);
}
