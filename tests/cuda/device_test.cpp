#include "proxyv/cuda/device.hpp"

#include "cuda/gpu.hpp"
#include "proxyv/cuda/backend.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("device: without one, an engine is refused with the reason") {
  if (cuda::device_count() > 0) return;
  CHECK_THROWS_AS(cuda::current_device(), CudaError);
  CHECK_THROWS_WITH(CudaBackend<float>({.workspace_bytes = 64}), ContainsSubstring("CUDA: cudaGetDevice in current_device"));
}

TEST_CASE("device: what it is") {
  NEEDS_GPU();
  const cuda::Device d = cuda::current_device();
  CHECK(d.arch >= 80);
  CHECK(d.multiprocessors > 0);
  CHECK(d.memory > (std::size_t{1} << 30));
  CHECK_FALSE(d.name.empty());
}
