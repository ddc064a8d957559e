// Compiled twice: with Eigen's own product, and (tests/CMakeLists.txt) with EIGEN_USE_BLAS and a BLAS.
#include "proxyv/eigen/blas.hpp"

#include "eigen/eigen_support.hpp"
#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

int sgemm_calls = 0;

EigenBlasBackend blas_engine(int threads = 1) {
  return EigenBlasBackend(HostOptions{.threads = threads, .workspace_bytes = 8 << 20});
}

}  // namespace

#if defined(EIGEN_USE_BLAS)
// The linker puts this in front of the library's sgemm (--wrap).
extern "C" {
int __real_sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                  const int*, const float*, const int*, const float*, float*, const int*);
int __wrap_sgemm_(const char* ta, const char* tb, const int* m, const int* n, const int* k,
                  const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                  const float* beta, float* c, const int* ldc) {
  ++sgemm_calls;
  return __real_sgemm_(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
}
#endif

TEST_CASE("blas engine: the suite") {
  for (int threads : {1, 2}) {
    const auto report = testing::run_suite<EigenBlasBackend>([&] { return blas_engine(threads); }, {7, 24});
    INFO(report.text());
    CHECK(report.ok());
    CHECK(report.absent.empty());
  }
}

TEST_CASE("blas engine: f32 products of many rows are Eigen's, or the BLAS's where the program says so") {
  auto be = blas_engine(2);
  auto theirs = judge();
  const Block x(90, 70, 1), z(70, 50, 2);
  const RawWeight half(50, 70, DType::bf16, 3);
  std::vector<float> numbers(50 * 70);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(uniform(4, i));
  const Weight<> w(numbers.data(), DType::f32, 50, 70);
  const Span<const float> bias(numbers.data(), 50);
  Block y(90, 50, 5), wanted = y;
  const auto same = [&](bool by_blas) {
    CHECK(deviation(y.memory, wanted.memory) < 2e-6);
#if defined(EIGEN_USE_BLAS)
    CHECK((sgemm_calls > 0) == by_blas);
#else
    CHECK(sgemm_calls == 0);
    static_cast<void>(by_blas);
#endif
    sgemm_calls = 0;
  };
  for (float beta : {0.f, 1.f}) {
    be.gemm(x.in(), w, y.view(), {Act::silu, beta, bias}),
        theirs.gemm(x.in(), w, wanted.view(), {Act::silu, beta, bias});
    same(true);
    be.product(x.in(), z.in(), y.view(), beta), theirs.product(x.in(), z.in(), wanted.view(), beta);
    same(true);
  }
  be.swiglu(x.in(), w, w, y.view()), theirs.swiglu(x.in(), w, w, wanted.view());
  same(true);
  be.gemm(x.in(), half.weight, y.view(), {}), theirs.gemm(x.in(), half.weight, wanted.view(), {});
  same(false);
  be.gemm(x.in().row_range(0, 2), w, y.view().row_range(0, 2), {}),
      theirs.gemm(x.in().row_range(0, 2), w, wanted.view().row_range(0, 2), {});
  same(false);
}

TEST_CASE("blas engine: weights are not packed for it") { CHECK_FALSE(PackOps<EigenBlasBackend>); }
