#include "proxyv/cuda/backend.hpp"

#include "cuda/gpu.hpp"
#include "cuda/tensors.hpp"
#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using gpu::Matrix;
using gpu::values;
using small::error_of;

namespace {

constexpr std::size_t workspace = 1 << 20;

template <class T, class Make>
void passes_the_suite(Make&& make, testing::Options options) {
  const auto report = testing::run_suite<CudaBackend<T>>(make, options);
  INFO(report.text());
  CHECK(report.ok());
  CHECK(report.absent.empty());
}

/// A stream of the user's own.
struct UsersStream {
  UsersStream() { cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "test"); }
  UsersStream(const UsersStream&) = delete;
  UsersStream& operator=(const UsersStream&) = delete;
  ~UsersStream() { static_cast<void>(cudaStreamDestroy(stream)); }
  cudaStream_t stream = nullptr;
};

}  // namespace

TEMPLATE_TEST_CASE("cuda: the engine suite", "", float, f16, bf16) {
  NEEDS_GPU();
  for (const std::uint64_t seed : {7u, 8u}) passes_the_suite<TestType>([] { return CudaBackend<TestType>({.workspace_bytes = workspace}); }, {seed, 18});
}

TEMPLATE_TEST_CASE("cuda: the engine suite, a few rounds", "[small]", float, f16, bf16) {
  NEEDS_GPU();
  passes_the_suite<TestType>([] { return CudaBackend<TestType>({.workspace_bytes = workspace, .hopper = gpu::on_hopper_paths()}); }, {21, 1});
}

TEMPLATE_TEST_CASE("cuda: the suite on what cards before Hopper can do", "", float, f16, bf16) {
  NEEDS_GPU();
  passes_the_suite<TestType>([] { return CudaBackend<TestType>({.workspace_bytes = workspace, .hopper = false}); }, {13, 18});
}

TEMPLATE_TEST_CASE("cuda: the suite without overlapping kernels", "", float, bf16) {
  NEEDS_GPU();
  passes_the_suite<TestType>([] { return CudaBackend<TestType>({.workspace_bytes = workspace, .overlap = false}); }, {10, 12});
}

TEMPLATE_TEST_CASE("cuda: the suite on the user's stream and memory", "", float, bf16) {
  NEEDS_GPU();
  const UsersStream users;
  const auto block = cuda::device_buffer<std::byte>(workspace + 77);
  const Span<std::byte, DeviceSpace> memory = block.span().part(77, workspace);
  passes_the_suite<TestType>([&] { return CudaBackend<TestType>({.memory = memory, .stream = users.stream}); }, {11, 12});
  passes_the_suite<TestType>([&] { return CudaBackend<TestType>({.memory = memory, .stream = cudaStream_t{nullptr}}); }, {12, 6});
  CHECK(cudaStreamQuery(users.stream) == cudaSuccess);  // the stream is still the user's
}

TEST_CASE("cuda: what an engine is made with") {
  NEEDS_GPU();
  CHECK(error_of<ArgumentError>([] { CudaBackend<float>({.memory = {nullptr, 5}}); }) == "CudaBackend: null memory of 5 bytes");
  CHECK_THAT(error_of<ArgumentError>([] { CudaBackend<float>({.workspace_bytes = ~std::size_t{0}}); }),
             ContainsSubstring("CudaBackend: workspace_bytes"));
  CHECK_THAT(error_of<CudaError>([] { CudaBackend<float>({.workspace_bytes = std::size_t{1} << 50}); }),
             ContainsSubstring("CUDA: cudaMalloc in device_buffer: cudaErrorMemoryAllocation"));
  CudaBackend<float> be({.workspace_bytes = 1000});
  CHECK(be.workspace_available() >= 1000);
  CHECK(be.workspace_peak() == 0);
  CHECK(be.device().arch >= 80);
  CHECK(be.stream() != nullptr);
  {
    auto frame = be.frame();
    CHECK(frame.matrix(2, 3).data() != nullptr);
    CHECK_THROWS_AS(frame.matrix(1000, 1000), WorkspaceError);
  }
  CHECK(be.workspace_peak() == 256);
}

TEMPLATE_TEST_CASE("cuda: an engine that is moved goes on", "[small]", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B first({.workspace_bytes = workspace});
  const Matrix<B> x(first, small::noise(5, 64, 1)), w(first, small::noise(64, 64, 2)), y(first, 5, 64), again(first, 5, 64);
  const WeightOf<B> weight{In<B>(w.view())};
  first.gemm(x, weight, y, {});
  const auto wanted = values(first, y);
  B second(std::move(first));
  second.gemm(x, weight, again, {});
  CHECK(small::same_bits(values(second, again), wanted));
  B third({});
  third = std::move(second);
  third.gemm(x, weight, again, {});
  CHECK(small::same_bits(values(third, again), wanted));
}

TEMPLATE_TEST_CASE("cuda: nothing in, nothing done", "[small]", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be({.workspace_bytes = workspace});
  const Out<B> none(nullptr, 0, 64);
  const Matrix<B> w(be, small::noise(64, 64, 2)), gain(be, 1, 64, 1.f);
  const WeightOf<B> weight{In<B>(w.view())};
  be.gemm(none, weight, none, {});
  be.swiglu(none, weight, weight, none);
  be.product(none, w, none, 0.f);
  be.rms_norm(none, {gain.memory.data(), 64}, none, 1e-5f);
  be.copy(none, none);
  be.gather(w, {nullptr, 0}, none);
  be.embed(weight, {nullptr, 0}, none);
  be.advance({nullptr, 0});
  be.begin_group();
  be.end_group();
  CHECK_NOTHROW(be.sync());
}

TEMPLATE_TEST_CASE("cuda: misuse is named before anything is launched", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be({.workspace_bytes = workspace});
  const Matrix<B> x(be, 4, 64), w(be, 64, 64), y(be, 4, 64, 3.f);
  const WeightOf<B> weight{In<B>(w.view())};
  const Out<B> short_y = y.view().row_range(0, 3);
  CHECK_THROWS_AS(be.gemm(x, weight, short_y, {}), ShapeError);
  CHECK_THROWS_AS(be.swiglu(x, weight, weight, short_y), ShapeError);
  CHECK_THROWS_AS(be.norm_gemm(x, {{w.memory.data(), 63}, 1e-5f}, y, weight, y, {}), Error);
  CHECK_THROWS_AS(be.copy(x, short_y), ShapeError);
  CHECK_THROWS_AS(be.rms_norm(x, {w.memory.data(), 63}, y, 1e-5f), ShapeError);
  CHECK_THROWS_AS(be.add_rms_norm(x, short_y, {w.memory.data(), 64}, y, 1e-5f), ShapeError);
  CHECK_THROWS_AS(be.bilinear_pool(x, y, Grid{1, 5, 2}), ShapeError);
  CHECK_THROWS_AS(be.sample(x.view().row_range(0, 1), {.top_p = 0.f}, 0, be.template alloc<std::int32_t>(1).span()), ArgumentError);
  CHECK_THROWS_AS(be.attention(x, y, AttentionArgsOf<B>({3, 1, 5}, {})), ShapeError);
  be.sync();
  CHECK(values(be, y) == std::vector<float>(4 * 64, 3.f));
}

TEMPLATE_TEST_CASE("cuda: sampling chooses what host code chooses, whatever the vocabulary", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be({.workspace_bytes = workspace});
  for (const index_t vocab : {index_t{32000}, index_t{128256}, index_t{300001}}) {
    small::Matrix host = small::noise(1, vocab, static_cast<std::uint64_t>(vocab));
    for (float& v : host.values) v = to_float(from_float<TestType>(8.f * v));
    const Matrix<B> logits(be, host);
    const auto next = be.template alloc<std::int32_t>(1);
    std::vector<std::int32_t> order(host.values.size());
    std::vector<float> weights(host.values.size());
    const Sampling ways[] = {{}, {.temperature = 1.f, .seed = 3}, {.temperature = 0.7f, .top_k = 40, .seed = 4}, {.temperature = 1.3f, .top_p = 0.9f, .seed = 5},
                             {.temperature = 2.f, .top_k = 500, .top_p = 0.5f, .seed = 6}};
    for (const Sampling& how : ways)
      for (const std::uint64_t step : {0u, 1u, 7u}) {
        be.sample(logits, how, step, next.span());
        const TokenId wanted = sample_token(host.span(), how, step, {order.data(), vocab}, {weights.data(), vocab});
        INFO("vocabulary " << vocab << ", temperature " << how.temperature << ", top_k " << how.top_k << ", top_p " << how.top_p << ", step " << step);
        CHECK(gpu::ids(be, next.data(), 1).front() == wanted);
      }
  }
}

TEMPLATE_TEST_CASE("cuda: products measured once give the same numbers, and plans go through a file", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be({.workspace_bytes = workspace}), other({.workspace_bytes = workspace});
  const Matrix<B> x(be, small::noise(100, 256, 1)), w(be, small::noise(192, 256, 2)), y(be, 100, 192);
  const WeightOf<B> weight{In<B>(w.view())};
  be.gemm(x, weight, y, {.act = Act::silu});
  const auto before = values(be, y);
  be.tune([&] { be.gemm(x, weight, y, {.act = Act::silu}); });
  be.gemm(x, weight, y, {.act = Act::silu});
  const auto after = values(be, y);
  CHECK(small::deviation(after, before) < (std::is_same_v<TestType, float> ? 1e-5 : 2e-2));
  const std::string path = "/tmp/proxyv_plans_" + std::string(dtype_name(dtype_of<TestType>));
  be.save_plans(path);
  other.load_plans(path);
  other.gemm(x, weight, y, {.act = Act::silu});
  CHECK(small::same_bits(values(other, y), after));
  std::remove(path.c_str());
  CHECK_THROWS_AS(other.load_plans(path), LoadError);
  CHECK_THROWS_AS(be.tune([] { throw ArgumentError("mine"); }), ArgumentError);
  be.gemm(x, weight, y, {.act = Act::silu});
  CHECK(small::same_bits(values(be, y), after));
}
