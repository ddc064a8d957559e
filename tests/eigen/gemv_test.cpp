#include "proxyv/eigen/gemv.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("gemv: every row count and element type, against the judge") {
  auto be = engine(2);
  auto ref = judge();
  std::uint64_t seed = 1;
  for (index_t m = 0; m <= detail::gemv_rows; ++m) {
    for (DType type : {DType::f32, DType::f16, DType::bf16}) {
      for (index_t k : {1, 31, 333}) {
        const Block x(m, k, ++seed), bias(1, 67, ++seed, 0);
        const RawWeight w(67, k, type, ++seed);
        Block y(m, 67, ++seed);
        Block wanted = y;
        const Epilogue<float, HostSpace> e{
            static_cast<Act>(seed % 4), static_cast<float>(m % 2), {bias.in().data(), 67}};
        be.gemm(x.in(), w.weight, y.view(), e);
        ref.gemm(x.in(), w.weight, wanted.view(), e);
        INFO(m << " rows, depth " << k << ", " << dtype_name(type));
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
      }
    }
  }
}

TEST_CASE("gemv: a row's result does not depend on its neighbours") {
  const Block x(8, 200, 1);
  const RawWeight w(40, 200, DType::bf16, 2);
  Block all(8, 40, 3, 0), one(1, 40, 3, 0);
  detail::gemv(detail::Ops::kernels(CpuLevel::portable), x.in().data(), x.stride, 8, w.weight,
               all.view().data(), all.stride, 0.f, nullptr, Act::none, 1);
  for (index_t i = 0; i < 8; ++i) {
    detail::gemv(detail::Ops::kernels(CpuLevel::portable), x.in().row(i), x.stride, 1, w.weight,
                 one.view().data(), one.stride, 0.f, nullptr, Act::none, 3);
    for (index_t j = 0; j < 40; ++j) CHECK(one.view()(0, j) == all.view()(i, j));
  }
}
