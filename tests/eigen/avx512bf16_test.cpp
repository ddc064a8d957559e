#include "proxyv/eigen/avx512bf16.hpp"

#include "eigen/bf16_support.hpp"
#include "eigen/level_support.hpp"
#include "proxyv/backend/testing.hpp"

using namespace eigen_test;

TEST_CASE("avx512bf16: float kernels equal the judge's and the portable ones") {
  check_level(CpuLevel::avx512bf16);
}

TEST_CASE("avx512bf16: products are those of rounded activations, for any threads, rows or packed") {
  if (missing()) return;
  struct Shape {
    index_t m, k, n;
  };
  std::uint64_t seed = 1;
  for (const Shape& s : {Shape{2, 1, 1}, Shape{17, 7, 65}, Shape{20, 34, 64}, Shape{33, 1025, 70},
                         Shape{250, 2051, 131}, Shape{486, 40, 9}}) {
    const Block x(s.m, s.k, ++seed), bias(1, s.n, ++seed, 0);
    const RawWeight w(s.n, s.k, DType::bf16, ++seed);
    const Block before(s.m, s.n, ++seed);
    const Epilogue<float, HostSpace> e{
        static_cast<Act>(seed % 4), static_cast<float>(seed / 4 % 2), {bias.in().data(), s.n}};
    Block wanted = before;
    judge().gemm(rounded(x).in(), w.weight, wanted.view(), e);
    std::vector<float> first;
    for (int threads : {1, 2, 3}) {
      auto be = rounding(threads);
      const PackedWeight packed(be, w.weight);
      Block y = before, from_rows = before;
      be.gemm(x.in(), packed.weight, y.view(), e);
      be.gemm(x.in(), w.weight, from_rows.view(), e);
      INFO(s.m << "x" << s.k << "x" << s.n << " on " << threads);
      CHECK(deviation(y.memory, wanted.memory) < 3e-6);
      if (s.m > detail::gemv_rows) CHECK(small::same_bits(y.memory, from_rows.memory));
      if (threads == 1) first = y.memory;
      CHECK(small::same_bits(y.memory, first));
    }
  }
}

TEST_CASE("avx512bf16: one row, f32 and f16 weights keep the products of floats") {
  if (missing()) return;
  auto rounds = rounding(1);
  HostOptions options;
  EigenBackend exact(options, CpuLevel::avx512);
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    const index_t rows = type == DType::bf16 ? 1 : 40;
    const Block x(rows, 70, 1);
    const RawWeight w(30, 70, type, 2);
    const PackedWeight packed(rounds, w.weight);
    Block y(rows, 30, 3), z = y;
    rounds.gemm(x.in(), packed.weight, y.view(), {});
    exact.gemm(x.in(), packed.weight, z.view(), {});
    CHECK(small::same_bits(y.memory, z.memory));
  }
}

TEST_CASE("avx512bf16: gated products") {
  if (missing()) return;
  for (const index_t m : {2, 40, 300}) {
    const Block x(m, 130, 1);
    const RawWeight gate(90, 130, DType::bf16, 2), up(90, 130, DType::bf16, 3),
        floats(90, 130, DType::f32, 4);
    Block wanted(m, 90, 5), exact = wanted;
    judge().swiglu(rounded(x).in(), gate.weight, up.weight, wanted.view());
    judge().swiglu(x.in(), gate.weight, floats.weight, exact.view());
    auto be = rounding(2);
    const PackedWeight packed_gate(be, gate.weight), packed_up(be, up.weight),
        packed_floats(be, floats.weight);
    Block y(m, 90, 5);
    be.swiglu(x.in(), packed_gate.weight, packed_up.weight, y.view());
    CHECK(deviation(y.memory, wanted.memory) < 4e-6);
    be.swiglu(x.in(), packed_gate.weight, packed_floats.weight,
              y.view());  // one of them is f32: neither rounds
    CHECK(deviation(y.memory, exact.memory) < 4e-6);
  }
}

TEST_CASE("avx512bf16: infinity and NaN show") {
  if (missing()) return;
  auto be = rounding(1);
  Block x(20, 64, 1);
  x.view()(3, 5) = std::numeric_limits<float>::infinity();
  x.view()(4, 6) = std::numeric_limits<float>::quiet_NaN();
  const RawWeight w(10, 64, DType::bf16, 2);
  Block y(20, 10, 3);
  be.gemm(x.in(), w.weight, y.view(), {});
  for (index_t j = 0; j < 10; ++j) {
    CHECK(std::isinf(y.view()(3, j)));
    CHECK(std::isnan(y.view()(4, j)));
    CHECK(std::isfinite(y.view()(5, j)));
  }
}

TEST_CASE("avx512bf16: the suite, with what rounding may cost its products") {
  if (missing()) return;
  const auto report = testing::run_suite<EigenBackend>([] { return rounding(2); },
                                                       {.seed = 9, .rounds = 8, .products = 8e-3});
  INFO(report.text());
  CHECK(report.ok());
}

TEST_CASE("avx512bf16: asked for where the level lacks them, refused") {
  CHECK_THROWS_WITH(EigenBackend(HostOptions{}, CpuLevel::portable, Precision::bf16_products),
                    "engine: bf16 products want the level avx512bf16, this engine has portable");
  if (missing()) return;
  CHECK(rounding(1).precision() == Precision::bf16_products);
  CHECK(engine().precision() == Precision::f32);
}
