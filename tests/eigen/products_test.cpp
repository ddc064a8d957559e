#include "proxyv/eigen/products.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("products: whichever way the number of rows and the weight's form choose, the judge agrees") {
  auto be = engine(2);
  auto ref = judge();
  std::uint64_t seed = 1;
  for (index_t m : {index_t{0}, index_t{1}, index_t{2}, detail::gemv_rows, detail::gemv_rows + 1}) {
    for (DType type : {DType::f32, DType::f16, DType::bf16}) {
      for (bool packed : {false, true}) {
        const Block x(m, 37, ++seed), bias(1, 75, ++seed, 0);
        const RawWeight w(75, 37, type, ++seed);
        const PackedWeight panels(be, w.weight);
        Block y(m, 75, ++seed);
        Block wanted = y;
        const Epilogue<float, HostSpace> e{Act::silu, 1.f, {bias.in().data(), 75}};
        be.gemm(x.in(), packed ? panels.weight : w.weight, y.view(), e);
        ref.gemm(x.in(), w.weight, wanted.view(), e);
        INFO(m << " rows, " << dtype_name(type) << (packed ? ", packed" : ""));
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
      }
    }
  }
}

TEST_CASE("products: a packed weight without columns writes nothing") {
  auto be = engine();
  std::byte untouched{7};
  const auto packed = be.pack_weight(Weight<>(nullptr, DType::f32, 5, 0), &untouched);
  CHECK(packed.rows() == 5);
  CHECK(packed.cols() == 0);
  CHECK(untouched == std::byte{7});
}

TEST_CASE("products: z as it lies, few rows and many") {
  auto be = engine(2);
  auto ref = judge();
  for (index_t m : {1, 16, 50}) {
    const Block x(m, 23, 1), z(23, 70, 2);
    Block y(m, 70, 3);
    Block wanted = y;
    be.product(x.in(), z.in(), y.view(), 1.f);
    ref.product(x.in(), z.in(), wanted.view(), 1.f);
    CHECK(deviation(y.memory, wanted.memory) < 2e-6);
  }
}
