#include "proxyv/cuda/backend.hpp"

#include "cuda/gpu.hpp"
#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEMPLATE_TEST_CASE("cuda: the engine suite", "", float, f16, bf16) {
  NEEDS_GPU();
  for (const std::uint64_t seed : {7, 8, 9}) {
    const auto report = testing::run_suite<CudaBackend<TestType>>([] { return CudaBackend<TestType>({.workspace_bytes = 1 << 20}); }, {seed, 24});
    INFO(report.text());
    CHECK(report.ok());
    CHECK(report.absent.empty());
  }
}
