#include "proxyv/cuda/memory.hpp"

#include "cuda/calls.hpp"
#include "cuda/gpu.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using calls::Call;

TEST_CASE("cuda memory: nothing for nothing") {
  const auto made = calls::made_by(Call::device_alloc, [] {
    CHECK(cuda::device_buffer<float>(0).data() == nullptr);
    CHECK(cuda::pinned_buffer<float>(0).data() == nullptr);
  });
  CHECK(made == 0);
  CHECK_THROWS_AS(cuda::device_buffer<float>(-1), ShapeError);
  CHECK_THROWS_AS(cuda::device_buffer<double>(std::numeric_limits<index_t>::max()), ShapeError);
  CHECK_THROWS_AS(cuda::pinned_buffer<double>(std::numeric_limits<index_t>::max()), ShapeError);
}

TEST_CASE("cuda memory: no memory says which call and where") {
  {
    const calls::Failing failing(Call::device_alloc);
    CHECK_THROWS_WITH(cuda::device_buffer<float>(4), ContainsSubstring("CUDA: cudaMalloc in device_buffer: cudaErrorMemoryAllocation"));
  }
  const calls::Failing failing(Call::host_alloc);
  CHECK_THROWS_WITH(cuda::pinned_buffer<float>(4), ContainsSubstring("CUDA: cudaHostAlloc in pinned_buffer: cudaErrorMemoryAllocation"));
}

TEST_CASE("cuda memory: what is allocated is given back once", "[small][memory]") {
  NEEDS_GPU();
  const auto alive = calls::alive();
  {
    auto device = cuda::device_buffer<std::int32_t>(1000);
    auto pinned = cuda::pinned_buffer<std::int32_t>(1000);
    CHECK(calls::alive() == alive + 2);
    CHECK(reinterpret_cast<std::uintptr_t>(device.data()) % 256 == 0);
    pinned.data()[999] = 42;
    CHECK(cudaMemcpy(device.data(), pinned.data(), 4000, cudaMemcpyHostToDevice) == cudaSuccess);
    pinned.data()[999] = 0;
    CHECK(cudaMemcpy(pinned.data(), device.data(), 4000, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(pinned.data()[999] == 42);
    auto moved = std::move(device);
    CHECK(moved.size() == 1000);
    CHECK(device.data() == nullptr);
  }
  CHECK(calls::alive() == alive);
}
