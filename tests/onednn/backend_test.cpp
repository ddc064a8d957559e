// The oneDNN engine before the judge, and what it says of itself.
#include "proxyv/onednn.hpp"

#include <cmath>
#include <utility>

#include "proxyv/backend/packed.hpp"
#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

HostOptions options(int threads = 1) {
  HostOptions o;
  o.threads = threads;
  o.workspace_bytes = 1 << 20;
  return o;
}

struct Tensor {
  Tensor(index_t rows, index_t cols, index_t gap, std::uint64_t seed)
      : memory(host_buffer<float>(rows * (cols + gap))), view(memory.data(), rows, cols, cols + gap) {
    for (index_t i = 0; i < memory.size(); ++i)
      memory.data()[i] =
          static_cast<float>(std::sin(static_cast<double>(seed) + 1.7 * static_cast<double>(i)));
  }
  Buffer<float> memory;
  View<float> view;
};

Buffer<bf16> rounded(const Tensor& t) {
  Buffer<bf16> out = host_buffer<bf16>(t.memory.size());
  for (index_t i = 0; i < out.size(); ++i) out.data()[i] = to_bf16(t.memory.data()[i]);
  return out;
}

/// The largest difference, as a share of the largest number.
double worst(const Tensor& found, const Tensor& wanted) {
  double off = 0.0, size = 0.0;
  for (index_t i = 0; i < wanted.memory.size(); ++i) {
    off = std::max(off, std::abs(double{found.memory.data()[i]} - double{wanted.memory.data()[i]}));
    size = std::max(size, std::abs(double{wanted.memory.data()[i]}));
  }
  return off / size;
}

}  // namespace

TEST_CASE("oneDNN engine: the suite, on 1, 2 and 3 threads") {
  for (int threads : {1, 2, 3}) {
    const auto report =
        testing::run_suite<OneDnnBackend>([&] { return OneDnnBackend(options(threads)); }, {7, 24});
    INFO(report.text());
    CHECK(report.ok());
    CHECK(report.absent.empty());
  }
}

TEST_CASE("oneDNN engine: every epilogue with gaps in x and y, f32") {
  const index_t m = GENERATE(1, 3, 70), k = GENERATE(5, 64), n = 33;
  OneDnnBackend be(options(2));
  ReferenceBackend judge(options());
  const Tensor x(m, k, 3, 1), w(n, k, 0, 2), bias(1, n, 0, 3);
  for (const Act act : {Act::none, Act::silu, Act::gelu, Act::quick_gelu})
    for (const float beta : {0.f, 1.f})
      for (const bool biased : {false, true}) {
        Tensor y(m, n, 2, 4), wanted(m, n, 2, 4);
        Epilogue<float, HostSpace> e{.act = act, .beta = beta};
        if (biased) e.bias = {bias.view.data(), n};
        be.gemm(x.view, Weight<>(w.view), y.view, e);
        judge.gemm(x.view, Weight<>(w.view), wanted.view, e);
        CHECK(worst(y, wanted) < 3e-6);  // gaps are compared too: they stay
      }
  CHECK(be.primitives() == 16);
}

TEST_CASE("oneDNN engine: primitives are made once a shape; bf16 and f16 weights by EigenBackend") {
  OneDnnBackend be(options());
  const Tensor x(9, 40, 0, 1), w(20, 40, 0, 2);
  Tensor y(9, 20, 0, 3);
  for (int i = 0; i < 3; ++i) be.gemm(x.view, Weight<>(w.view), y.view, {});
  CHECK(be.primitives() == 1);
  be.gemm(x.view.row_range(0, 4), Weight<>(w.view), y.view.row_range(0, 4), {});
  CHECK(be.primitives() == 2);
  const Buffer<bf16> half = rounded(w);
  be.gemm(x.view, Weight<>(half.data(), DType::bf16, 20, 40), y.view, {});
  CHECK(be.primitives() == 2);
  CHECK(be.precision() == Precision::f32);
}

TEST_CASE("oneDNN engine: leaves weights in rows, and reads the CPU engine's panels by it") {
  static_assert(PackOps<EigenBackend> && !PackOps<OneDnnBackend>);
  OneDnnBackend be(options());
  EigenBackend packer(options());
  const Tensor x(9, 40, 0, 1), w(20, 40, 0, 2);
  Buffer<std::byte> memory;
  const auto keep = [&](Buffer<std::byte> made) {
    memory = std::move(made);
    return memory.data();
  };
  CHECK(packed_weight<OneDnnBackend>(be, Weight<>(w.view), keep).data() == w.view.data());
  const Weight<> packed = packed_weight<EigenBackend>(packer, Weight<>(w.view), keep);
  REQUIRE(packed.packed());
  Tensor y(9, 20, 0, 3), wanted(9, 20, 0, 3);
  be.gemm(x.view, packed, y.view, {});
  CHECK(be.primitives() == 0);
  be.gemm(x.view, Weight<>(w.view), wanted.view, {});
  CHECK(be.primitives() == 1);
  CHECK(worst(y, wanted) < 3e-6);
}

TEST_CASE("oneDNN engine: rounded products are those of rounded activations") {
  if (default_cpu_level() != CpuLevel::avx512bf16) {
    CHECK_THROWS_AS(OneDnnBackend(options(), Precision::bf16_products), ArgumentError);
    return;
  }
  OneDnnBackend be(options(2), Precision::bf16_products);
  ReferenceBackend judge(options());
  const index_t m = GENERATE(2, 37), k = 100, n = 24;
  const Tensor x(m, k, 1, 1), gate(n, k, 0, 2), up(n, k, 0, 5);
  const Buffer<bf16> x16 = rounded(x), gate16 = rounded(gate), up16 = rounded(up);
  Tensor near(m, k, 1, 1);
  for (index_t i = 0; i < near.memory.size(); ++i) near.memory.data()[i] = to_float(x16.data()[i]);
  const Weight<> g(gate16.data(), DType::bf16, n, k), u(up16.data(), DType::bf16, n, k);
  Tensor y(m, n, 0, 4), wanted(m, n, 0, 4), exact(m, n, 0, 4);
  be.gemm(x.view, g, y.view, {.act = Act::silu});
  judge.gemm(near.view, g, wanted.view, {.act = Act::silu});
  judge.gemm(x.view, g, exact.view, {.act = Act::silu});
  CHECK(be.primitives() == 1);
  CHECK(worst(y, wanted) < 3e-6);
  CHECK(worst(y, exact) > 1e-4);                   // that it did round
  Tensor one(1, n, 0, 4), wanted_one(1, n, 0, 4);  // a single row is read as it is
  be.gemm(x.view.row_range(0, 1), g, one.view, {});
  judge.gemm(x.view.row_range(0, 1), g, wanted_one.view, {});
  CHECK(worst(one, wanted_one) < 3e-6);
  CHECK(be.primitives() == 1);
  be.swiglu(x.view, g, u, y.view);
  judge.swiglu(near.view, g, u, wanted.view);
  CHECK(worst(y, wanted) < 6e-6);
}

TEST_CASE("oneDNN engine: swiglu by blocks of rows, in the scratch that a plan counts") {
  const index_t m = 2 * OneDnnBackend::swiglu_scratch_rows + 5, k = 6, n = 7;
  const Tensor x(m, k, 0, 1), gate(n, k, 0, 2), up(n, k, 0, 3);
  Tensor y(m, n, 1, 4), wanted(m, n, 1, 4);
  PlanBackend<OneDnnBackend> plan;
  plan.swiglu(x.view, Weight<>(gate.view), Weight<>(up.view), y.view);
  OneDnnBackend be(HostOptions{.threads = 1, .workspace_bytes = plan.cost().workspace});
  be.swiglu(x.view, Weight<>(gate.view), Weight<>(up.view), y.view);
  ReferenceBackend(options()).swiglu(x.view, Weight<>(gate.view), Weight<>(up.view), wanted.view);
  CHECK(worst(y, wanted) < 3e-6);
  CHECK(be.workspace_peak() == plan.cost().workspace);
}

TEST_CASE("oneDNN engine: refuses in the words of the others") {
  OneDnnBackend be(options());
  const Tensor x(2, 3, 0, 1), w(4, 3, 0, 2);
  Tensor y(2, 5, 0, 3);
  CHECK_THROWS_WITH(be.gemm(x.view, Weight<>(w.view), y.view, {}),
                    ContainsSubstring("gemm: x [2, 3], w [4, 3]"));
  CHECK_THROWS_AS(be.swiglu(x.view, Weight<>(w.view), Weight<>(w.view), y.view), ShapeError);
  CHECK_THROWS_AS(be.product(x.view, w.view, y.view, 0.f), ShapeError);
}
