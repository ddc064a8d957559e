#include "proxyv/cuda/launch.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("launch: scratch grows with the vocabulary and serves every attention") {
  CHECK(cuda::sample_scratch_bytes(1) > 0);
  CHECK(cuda::sample_scratch_bytes(128256) > cuda::sample_scratch_bytes(32000));
  CHECK(cuda::attention_scratch_bytes({.multiprocessors = 132, .arch = 90}) < (std::size_t{1} << 28));
}

TEMPLATE_TEST_CASE("launch: what the Hopper products refuse", "", f16, bf16) {
  using Job = cuda::Product<TestType>;
  alignas(16) static TestType memory[16];
  const auto job = [&] {
    Job j;
    j.x = {memory, 128, 256, 256};
    j.w[0] = memory;
    j.n[0] = 128;
    j.y[0] = memory;
    j.y_stride[0] = 128;
    return j;
  };
  const cuda::Where hopper{.multiprocessors = 132, .arch = 90}, ampere{.multiprocessors = 108, .arch = 80};
  Job good = job();
  CHECK(cuda::hopper_products_fit(&good, 1, hopper));
  CHECK_FALSE(cuda::hopper_products_fit(&good, 1, ampere));
  Job odd_stride = job();
  odd_stride.x.stride = 257;
  CHECK_FALSE(cuda::hopper_products_fit(&odd_stride, 1, hopper));
  Job unaligned = job();
  unaligned.y[0] = memory + 1;
  CHECK_FALSE(cuda::hopper_products_fit(&unaligned, 1, hopper));
  Job normed = job();
  normed.gain = memory;
  CHECK_FALSE(cuda::hopper_products_fit(&normed, 1, hopper));
}

TEST_CASE("launch: one row goes the way of one row, many do not") {
  cuda::Product<float> job;
  static float memory[16];
  job.x = {memory, 1, 7, 7};
  job.w[0] = memory;
  job.n[0] = 3;
  job.y[0] = memory;
  job.y_stride[0] = 3;
  CHECK(cuda::gemv_fits(job, {}));
  job.x.rows = cuda::gemv_rows + 1;
  CHECK_FALSE(cuda::gemv_fits(job, {}));
}
