#include "proxyv/cuda/staging.hpp"

#include <cstring>

#include "cuda/gpu.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("staging: what is sent is what was there, however often") {
  NEEDS_GPU();
  cuda::Stream stream;
  cuda::Staging staging;
  const auto device = cuda::device_buffer<int>(64);
  for (int i = 0; i < 64; ++i)  // many more than there are chunks
    staging.send(
        stream, sizeof(int), [&](std::byte* to) { std::memcpy(to, &i, sizeof i); },
        [&](const std::byte* from) {
          cuda::check(cudaMemcpyAsync(device.data() + i, from, sizeof(int), cudaMemcpyDeviceToDevice, stream.get()), "cudaMemcpyAsync", "test");
        });
  int host[64] = {};
  staging.receive(
      stream, sizeof host,
      [&](std::byte* to) { cuda::check(cudaMemcpyAsync(to, device.data(), sizeof host, cudaMemcpyDeviceToDevice, stream.get()), "cudaMemcpyAsync", "test"); },
      [&](const std::byte* from) { std::memcpy(host, from, sizeof host); });
  for (int i = 0; i < 64; ++i) CHECK(host[i] == i);
}
