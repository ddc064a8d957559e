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
