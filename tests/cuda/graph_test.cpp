#include "proxyv/cuda/graph.hpp"

#include "cuda/calls.hpp"
#include "cuda/decoders.hpp"
#include "support/catch.hpp"

using namespace gpu;
using small::error_of;
using tiny::image;

namespace {

/// y += 1 by an op that is not idempotent: advance of counters.
template <class B>
struct Counter {
  explicit Counter(B& be) : memory(be.template alloc<std::int32_t>(1)) {
    const std::int32_t zero = 0;
    be.upload(Span<const std::int32_t>(&zero, 1), memory.span());
  }
  void operator()(B& be) const { be.advance(memory.span()); }
  std::int32_t value(B& be) const { return ids(be, memory.data(), 1).front(); }
  Buffer<std::int32_t, DeviceSpace> memory;
};
using B = CudaBackend<float>;

}  // namespace

TEMPLATE_TEST_CASE("cuda graph: a recorded prefill gives the same bits for other pictures", "", float, bf16) {
  NEEDS_GPU();
  using E = CudaBackend<TestType>;
  E be = engine<TestType>();
  const auto model = random_decoder<ProxyDecoder<E>>(be, fast_config(), 4, dtype_of<TestType>);
  const Question q(model, {1, image, 2, 3}, {{3}});
  Asked<E> asked(be, q);
  KvCache<E> cache(be, model.cache_shape(q.layout.rows()));
  const Matrix<E> logits(be, 1, 512);
  const cuda::Graph graph = be.record([&] { model.prefill(be, asked.prompt(), cache, logits); });
  CHECK(graph.nodes() > 20);
  for (const std::uint64_t picture : {1u, 2u, 3u}) {
    const small::Matrix features = small::noise(q.features.rows, q.features.cols, picture);
    asked.features.send(be, features);
    be.replay(graph);
    const Left replayed{values(be, logits), contents(be, cache)};
    cache.clear();
    model.prefill(be, asked.prompt(), cache, logits);
    CHECK(same_bits(replayed.logits, values(be, logits)));
    CHECK(same_bits(replayed.cache, contents(be, cache)));
  }
}

TEST_CASE("cuda graph: recording runs nothing, each replay runs it once", "[small][memory]") {
  NEEDS_GPU();
  B be = engine<float>();
  const Counter<B> counter(be);
  cuda::Graph graph = be.record([&] { counter(be), counter(be); });
  CHECK(graph.nodes() == 2);
  CHECK_FALSE(graph.empty());
  CHECK(counter.value(be) == 0);
  be.replay(graph);
  CHECK(counter.value(be) == 2);
  cuda::Graph moved(std::move(graph));
  CHECK(graph.empty());
  CHECK(error_of<ArgumentError>([&] { be.replay(graph); }) == "CUDA: replay of an empty graph");
  be.replay(moved), be.replay(moved);
  CHECK(counter.value(be) == 6);
  graph = std::move(moved);
  be.replay(graph);
  CHECK(counter.value(be) == 8);
  const cuda::Graph nothing = be.record([] {});
  CHECK(nothing.nodes() == 0);
  CHECK_NOTHROW(be.replay(nothing));
}

TEST_CASE("cuda graph: uploads are sent again, with the numbers of then", "[small][memory]") {
  NEEDS_GPU();
  B be = engine<float>();
  small::Matrix host = small::noise(2, 700000, 3);  // two chunks
  const auto wanted = host.values;
  const Matrix<B> x(be, 2, 700000);
  const cuda::Graph graph = be.record([&] { be.upload(std::as_const(host).view(), x.view()); });
  std::fill(host.values.begin(), host.values.end(), 5.f);
  be.replay(graph);
  CHECK(same_bits(values(be, x), wanted));
  be.upload(std::as_const(host).view(), x.view());
  be.replay(graph);
  CHECK(same_bits(values(be, x), wanted));
}

TEST_CASE("cuda graph: replay with scratch alive is refused") {
  NEEDS_GPU();
  B be = engine<float>();
  const Counter<B> counter(be);
  const cuda::Graph graph = be.record([&] { counter(be); });
  {
    auto frame = be.frame();
    frame.matrix(3, 3);
    CHECK(error_of<ArgumentError>([&] { be.replay(graph); }) == "CUDA: replay with 256 bytes of workspace in use, recorded with 0");
    const cuda::Graph inside = be.record([&] { counter(be); });
    CHECK(inside.workspace_begin() == 256);
    CHECK_NOTHROW(be.replay(inside));
  }
  CHECK_NOTHROW(be.replay(graph));
  CHECK(counter.value(be) == 2);
}

TEST_CASE("cuda graph: what cannot be recorded is named, and the engine goes on") {
  NEEDS_GPU();
  B be = engine<float>(), on_default({.workspace_bytes = 1 << 20, .stream = cudaStream_t{nullptr}}),
    on_thread({.workspace_bytes = 1 << 20, .stream = cudaStreamPerThread});
  const Counter<B> counter(be);
  const Matrix<B> x(be, 2, 2, 7.f);
  be.sync();
  const auto alive = calls::alive();
  for (B* other : {&on_default, &on_thread}) {
    CHECK_THAT(error_of<ArgumentError>([&] { other->record([] {}); }), ContainsSubstring("the default streams cannot be recorded"));
    CHECK(values(*other, x) == std::vector<float>(4, 7.f));
  }
  const auto goes_on = [&] {
    const std::int32_t before = counter.value(be);
    const cuda::Graph graph = be.record([&] { counter(be); });
    be.replay(graph);
    return counter.value(be) == before + 1;
  };
  CHECK(error_of<ArgumentError>([&] { be.record([&] { counter(be), be.record([] {}); }); }) == "CUDA: record inside record");
  CHECK(goes_on());
  CHECK(error_of<ArgumentError>([&] { be.record([&] { counter(be), values(be, x); }); }) == "CUDA: download while work is recorded");
  CHECK(goes_on());
  CHECK_THAT(error_of<CudaError>([&] { be.record([&] { counter(be), be.sync(); }); }), ContainsSubstring("cudaStreamSynchronize in sync"));
  CHECK(goes_on());
  CHECK(error_of<ShapeError>([&] { be.record([&] { be.copy(x, x.view().row_range(0, 1)); }); }) != "nothing was thrown");
  CHECK(goes_on());
  CHECK(counter.value(be) == 4);  // nothing of what failed ran
  CHECK(calls::alive() == alive);
}

TEST_CASE("cuda graph: a conversation is recorded once and stays one after other work") {
  NEEDS_GPU();
  B be = engine<float>();
  const auto model = random_decoder<ProxyDecoder<B>>(be, fast_config(), 4);
  const Question q(model, {1, image, 2, 3}, {{2}});
  const Asked<B> asked(be, q);
  const Talk alone = talk(model, be, q, {.temperature = 1.f, .seed = 9});
  Session<ProxyDecoder<B>> one(be, model, q.layout.rows() + 40), two(be, model, q.layout.rows() + 40);
  one.start(asked.prompt()), two.start(asked.prompt());
  std::vector<TokenId> tokens;
  for (int i = 0; i < 8; ++i) {
    tokens.push_back(one.next_token({.temperature = 1.f, .seed = 9}));
    two.next_token();
  }
  CHECK(tokens == std::vector<TokenId>(alone.tokens.begin(), alone.tokens.begin() + 8));
}
