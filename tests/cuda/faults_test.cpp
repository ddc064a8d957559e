// CUDA calls that fail: the error names the call and the place, nothing leaks, and the engine goes on.
#include "cuda/calls.hpp"
#include "cuda/decoders.hpp"
#include "support/catch.hpp"

using namespace gpu;
using calls::Call;
using small::error_of;
using tiny::image;

namespace {

template <class T>
struct Ready {
  using B = CudaBackend<T>;
  using Model = ProxyDecoder<B>;
  B be = engine<T>();
  Model model = random_decoder<Model>(be, fast_config(), 6, dtype_of<T>);
  Question q{model, {1, image, 2, 3, 4, 5, 6}, {{2}}};
  Asked<B> asked{be, q};
  KvCache<B> cache{be, model.cache_shape(q.layout.rows() + 80)};
  Matrix<B> logits{be, 1, 512};

  Left prefill() {
    cache.clear();
    model.prefill(be, asked.prompt(), cache, logits);
    return {values(be, logits), contents(be, cache)};
  }
};

/// Fails the n-th call, for n = 0, 1, ... until none fails; after each failure work() gives what it gave before.
template <class T>
int fails_everywhere(Ready<T>& r, Call call, const char* text) {
  const Left wanted = r.prefill();
  const auto alive = calls::alive();
  int failures = 0;
  for (;; ++failures) {
    std::string error = "nothing was thrown";
    {
      const calls::Failing failing(call, failures);
      r.cache.clear();
      error = error_of<CudaError>([&] { r.model.prefill(r.be, r.asked.prompt(), r.cache, r.logits); });
    }
    if (error == "nothing was thrown") break;
    INFO("failure " << failures);
    CHECK_THAT(error, ContainsSubstring("CUDA: ") && ContainsSubstring(text));
    CHECK(r.cache.length() == 0);
    CHECK(r.be.workspace_available() >= std::size_t{8} << 20);
    if (failures % 7 == 0) CHECK(tiny::same(r.prefill(), wanted));
  }
  CHECK(tiny::same(r.prefill(), wanted));
  CHECK(calls::alive() == alive);
  return failures;
}

}  // namespace

TEMPLATE_TEST_CASE("cuda faults: an engine that cannot be made leaves nothing behind", "", float, bf16) {
  NEEDS_GPU();
  { CudaBackend<TestType> first = engine<TestType>(); }  // what the runtime makes once
  const auto alive = calls::alive();
  const auto fails_until_made = [&](Call call, const char* text) {
    int failures = 0;
    for (;; ++failures) {
      const calls::Failing failing(call, failures);
      const std::string error = error_of<CudaError>([] { engine<TestType>(); });
      if (error == "nothing was thrown") break;
      CHECK_THAT(error, ContainsSubstring(text));
      CHECK(calls::alive() == alive);
    }
    return failures;
  };
  CHECK(fails_until_made(Call::device_alloc, "CUDA: cudaMalloc in device_buffer: cudaErrorMemoryAllocation") >= 8);
  CHECK(fails_until_made(Call::host_alloc, "CUDA: cudaHostAlloc in pinned_buffer") == 4);
  CHECK(fails_until_made(Call::stream_create, "CUDA: cudaStreamCreateWithFlags in Stream") == 1);
  CHECK(fails_until_made(Call::event_create, "CUDA: cudaEventCreateWithFlags in Event") == 4);
  CHECK(fails_until_made(Call::library_create, "CUDA: cublasLtCreate in Products") == 1);
  CHECK(calls::alive() == alive);
}

TEMPLATE_TEST_CASE("cuda faults: any launch of a prefill may fail, and the next one is good", "", float, bf16) {
  NEEDS_GPU();
  Ready<TestType> r;
  CHECK(fails_everywhere(r, Call::launch, "in CudaBackend: cudaErrorLaunchOutOfResources") > 10);
  CHECK(fails_everywhere(r, Call::copy, "cudaErrorInvalidValue") > 2);
  const int products = fails_everywhere(r, Call::matmul, "cublasLtMatmul in gemm");
  if constexpr (std::is_same_v<TestType, float>) CHECK(products > 5);
}

TEMPLATE_TEST_CASE("cuda faults: a conversation goes on after a token that failed", "", float, bf16) {
  NEEDS_GPU();
  Ready<TestType> r;
  const auto wanted = talk(r.model, r.be, r.q);
  for (const Call call : {Call::graph_launch, Call::graph_instantiate, Call::copy}) {
    Session<typename Ready<TestType>::Model> session(r.be, r.model, r.q.layout.rows() + 60);
    session.start(r.asked.prompt());
    std::vector<TokenId> tokens{session.next_token()};
    {
      const calls::Failing failing(call);
      CHECK_THROWS_AS(session.next_token(), CudaError);
    }
    while (tokens.size() < 8) tokens.push_back(session.next_token());
    CHECK(tokens == std::vector<TokenId>(wanted.tokens.begin(), wanted.tokens.begin() + 8));
  }
}

TEST_CASE("cuda faults: a graph that cannot be made leaves nothing behind") {
  NEEDS_GPU();
  Ready<float> r;
  const Left wanted = r.prefill();
  const auto alive = calls::alive();
  const auto record = [&] {
    r.cache.clear();
    return r.be.record([&] { r.model.prefill(r.be, r.asked.prompt(), r.cache, r.logits); });
  };
  for (const Call call : {Call::graph_instantiate, Call::device_alloc, Call::host_alloc, Call::event_create, Call::launch, Call::matmul, Call::copy}) {
    {
      const calls::Failing failing(call, call == Call::graph_instantiate ? 0 : 1);
      CHECK_THROWS_AS(record(), CudaError);
    }
    CHECK(calls::alive() == alive);
    CHECK(tiny::same(r.prefill(), wanted));
  }
  {
    const cuda::Graph graph = record();
    r.be.replay(graph);
    CHECK(small::same_bits(values(r.be, r.logits), wanted.logits));
  }
  CHECK(calls::alive() == alive);
}

TEST_CASE("cuda faults: a failed wait is named") {
  NEEDS_GPU();
  CudaBackend<float> be = engine<float>();
  {
    const calls::Failing failing(Call::blocked);
    CHECK_THROWS_WITH(be.sync(), ContainsSubstring("CUDA: cudaStreamSynchronize in sync: cudaErrorLaunchFailure"));
  }
  CHECK_NOTHROW(be.sync());
}
