#include "proxyv/cuda/stream.hpp"

#include <utility>

#include "cuda/gpu.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("stream: somebody else's is not touched") {
  const auto theirs = reinterpret_cast<cudaStream_t>(std::uintptr_t{1});
  cuda::Stream a(theirs);
  cuda::Stream b = std::move(a);
  CHECK(b.get() == theirs);
  CHECK(a.get() == nullptr);
}

TEST_CASE("stream: its own") {
  NEEDS_GPU();
  cuda::Stream own;
  CHECK(own.get() != nullptr);
  CHECK_FALSE(own.capturing());
  cuda::Event event;
  event.record(own);
  CHECK_NOTHROW(event.wait());
  CHECK_NOTHROW(own.sync());
}
