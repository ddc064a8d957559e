// A prefill and a token that ran once before allocate nothing and wait for nothing.
#include "cuda/calls.hpp"
#include "cuda/decoders.hpp"
#include "support/catch.hpp"

using namespace gpu;
using calls::Call;
using small::error_of;
using tiny::image;

namespace {

struct Made {
  std::int64_t allocations, library, device, host, events, blocked, launches;
};

template <class F>
Made made_by(F&& f) {
  const auto before = [](Call c) { return calls::made(c); };
  Made m{0, -calls::library_new(), -before(Call::device_alloc), -before(Call::host_alloc), -before(Call::event_create), -before(Call::blocked),
         -before(Call::launch)};
  calls::begin_counting_new();
  f();
  m.allocations = calls::end_counting_new();
  m.library += calls::library_new();
  m.device += before(Call::device_alloc), m.host += before(Call::host_alloc), m.events += before(Call::event_create);
  m.blocked += before(Call::blocked), m.launches += before(Call::launch);
  return m;
}

/// cuBLASLt takes some host memory of its own in products of floats, which the engine cannot keep it from.
template <class T, class F>
void is_quiet(const char* what, F&& f) {
  const Made m = made_by(f);
  INFO(what);
  CHECK(m.allocations == 0);
  CHECK((std::is_same_v<T, float> || m.library == 0));
  CHECK(m.device == 0);
  CHECK(m.host == 0);
  CHECK(m.events == 0);
  CHECK(m.blocked == 0);
  CHECK(m.launches > 0);
}

}  // namespace

TEMPLATE_TEST_CASE("cuda quiet: no allocation and no wait in prefill, append and step after the first", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  const auto run = [&](const auto& model, const char* name) {
    const Question q(model, {1, image, 2, image, 3}, {{2}, {1}});
    const Asked<B> asked(be, q);
    KvCache<B> cache(be, model.cache_shape(q.layout.rows() + 200));
    const Matrix<B> logits(be, 1, model.config().vocab);
    const auto next = be.template alloc<std::int32_t>(1);
    const std::vector<TokenId> more(70, 4);
    StepState<B> state(be);
    INFO(name);
    const auto prefill = [&] { model.prefill(be, asked.prompt(), cache, logits); };
    const auto append = [&] { model.append(be, small::span_of(more), cache, logits); };
    const auto append_one = [&] { model.append(be, small::span_of(more).first(1), cache, logits); };
    const auto sample = [&] { be.sample(logits, {.temperature = 1.f, .top_p = 0.9f}, 0, next.span()); };
    const auto step = [&] {
      model.step(be, state, cache, logits, {.temperature = 1.f, .top_p = 0.9f});
      cache.commit(1, cache.next_position() + 1);
    };
    for (int round = 0; round < 2; ++round) {
      cache.clear();
      be.sync();
      round == 0 ? prefill() : is_quiet<TestType>("prefill", prefill);
      be.sync();
      round == 0 ? append() : is_quiet<TestType>("append", append);
      be.sync();
      round == 0 ? append_one() : is_quiet<TestType>("append one", append_one);
      round == 0 ? sample() : is_quiet<TestType>("sample", sample);
      be.sync();
      state.set(be, 3, cache.next_position(), cache.length(), 0);
      round == 0 ? step() : is_quiet<TestType>("step", step);
    }
    be.sync();
    const cuda::Graph graph = be.record([&] { model.step(be, state, cache, logits, {}); });
    be.sync();
    const Made m = made_by([&] { be.replay(graph); });
    CHECK(m.allocations + m.device + m.host + m.events + m.blocked + m.launches == 0);
    be.sync();
  };
  run(random_decoder<PlainDecoder<B>>(be, fast_config(), 9, dtype_of<TestType>), "plain");
  run(random_decoder<ProxyDecoder<B>>(be, fast_config(), 9, dtype_of<TestType>), "spatial");
  run(random_decoder<LearnedProxyDecoder<B>>(be, fast_config(true), 9, dtype_of<TestType>), "learned");
  run(random_decoder<ProxyDecoder<B>>(be, tiny::config(2), 9, dtype_of<TestType>), "tiny");
}

TEMPLATE_TEST_CASE("cuda quiet: the planned workspace is enough; one byte less is refused before anything is launched", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B start = engine<TestType>();
  const auto model = random_decoder<ProxyDecoder<B>>(start, fast_config(), 9, dtype_of<TestType>);
  start.sync();
  const Question q(model, {1, image, 2, 3}, {{2}});
  const Asked<B> asked(start, q);
  const std::size_t needs = workspace_bytes(model, q.layout, 4), prefill_needs = model.plan_prefill(q.layout).workspace;
  REQUIRE(needs >= prefill_needs);
  const auto block = cuda::device_buffer<std::byte>(static_cast<index_t>(needs));
  B enough({.memory = block.span()}), less({.memory = block.span().first(static_cast<index_t>(prefill_needs - 1))});
  CHECK(talk(model, enough, q) == talk(model, start, q));
  CHECK(enough.workspace_peak() <= needs);

  KvCache<B> cache(less, model.cache_shape(64 * 3));
  const Matrix<B> logits(less, 1, 512, 7.f);
  less.sync();
  const auto launches = calls::made_by(Call::launch, [&] {
    try {
      model.prefill(less, asked.prompt(), cache, logits);
      FAIL("nothing was thrown");
    } catch (const WorkspaceError& e) {
      CHECK(e.needed == prefill_needs);
      CHECK(e.available == prefill_needs - 1);
    }
  });
  CHECK(launches == 0);
  CHECK(cache.length() == 0);
  CHECK(values(less, logits) == std::vector<float>(512, 7.f));
}

TEST_CASE("cuda quiet: prompts that do not fit are refused before anything is launched") {
  NEEDS_GPU();
  using B = CudaBackend<float>;
  B be = engine<float>();
  const auto model = random_decoder<ProxyDecoder<B>>(be, fast_config(), 9);
  const Question q(model, {1, image, 2, 3}, {{2}});
  const Asked<B> asked(be, q);
  KvCache<B> cache(be, model.cache_shape(q.layout.rows())), short_cache(be, model.cache_shape(q.layout.rows() - 1));
  const Matrix<B> logits(be, 1, 512), short_logits(be, 1, 511);
  const std::vector<TokenId> wrong{3, 512};
  be.sync();
  const auto launches = calls::made_by(Call::launch, [&] {
    CHECK(error_of<ArgumentError>([&] { model.prefill(be, {q.layout, Out<B>(nullptr, q.layout.vision(), 256)}, cache, logits); }) == "prefill: null image features");
    CHECK_THROWS_AS(model.prefill(be, {q.layout, asked.features.view().row_range(0, 5)}, cache, logits), ShapeError);
    CHECK_THROWS_AS(model.prefill(be, asked.prompt(), short_cache, logits), CacheFullError);
    CHECK_THROWS_AS(model.prefill(be, asked.prompt(), cache, short_logits), ShapeError);
    CHECK(error_of<ArgumentError>([&] { model.prefill(be, asked.prompt(), cache, Out<B>(nullptr, 1, 512)); }) == "logits: null memory");
    CHECK(error_of<ArgumentError>([&] { model.append(be, small::span_of(wrong), cache, logits); }) == "embedding: token 1 is 512, wanted 0..511");
  });
  CHECK(launches == 0);
  CHECK(cache.length() == 0);
  CHECK_NOTHROW(model.prefill(be, asked.prompt(), cache, logits));
}
