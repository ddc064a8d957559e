#include "proxyv/cuda/check.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("CudaError names the call, the place and the reason") {
  CHECK_NOTHROW(cuda::check(cudaSuccess, "cudaMalloc", "test"));
  CHECK_NOTHROW(cuda::check(CUBLAS_STATUS_SUCCESS, "cublasLtMatmul", "test"));
  try {
    cuda::check(cudaErrorMemoryAllocation, "cudaMalloc", "device_buffer");
    FAIL("nothing was thrown");
  } catch (const CudaError& e) {
    CHECK_THAT(std::string(e.what()), ContainsSubstring("CUDA: cudaMalloc in device_buffer: cudaErrorMemoryAllocation"));
    CHECK(e.code == cudaErrorMemoryAllocation);
  }
  CHECK_THROWS_WITH(cuda::check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmul", "gemm"), ContainsSubstring("cublasLtMatmul in gemm: CUBLAS_STATUS_NOT_SUPPORTED"));
  CHECK_THROWS_AS(cuda::check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmul", "gemm"), Error);
}
