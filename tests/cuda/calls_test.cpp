// The wrappers behind calls.hpp, and that they count. Link with -Wl,--wrap=NAME for each WRAP below.
//
// Only successes count as made; a call that fails on purpose does not reach the runtime. This file also
// replaces the global operator new of its program with one that counts.
#include "cuda/calls.hpp"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "cuda/gpu.hpp"
#include "support/catch.hpp"
#include "support/counting_new.hpp"

namespace {

using calls::Call;

constexpr auto kinds = static_cast<std::size_t>(Call::number);
std::array<std::atomic<std::int64_t>, kinds> counts{};
std::array<std::atomic<int>, kinds> until_failure{};  // 0: none fails

bool fails(Call call) {
  auto& left = until_failure[static_cast<std::size_t>(call)];
  return left.load() > 0 && left.fetch_sub(1) == 1;
}
template <class Status>
Status counted(Call call, Status status) {
  if (static_cast<int>(status) == 0) ++counts[static_cast<std::size_t>(call)];
  return status;
}

}  // namespace

namespace calls {

std::int64_t made(Call call) { return counts[static_cast<std::size_t>(call)]; }
void fail_after(Call call, int good) { until_failure[static_cast<std::size_t>(call)] = good + 1; }
std::int64_t begin_counting_new() {
  counting_new::begin();
  return 0;
}
std::int64_t end_counting_new() { return counting_new::end(); }

}  // namespace calls

// WRAP(what it counts as, name, status when it fails on purpose, (parameters), (arguments))
#define WRAP(kind, name, failure, parameters, arguments)                              \
  extern "C" decltype(failure) __real_##name parameters;                              \
  extern "C" decltype(failure) __wrap_##name parameters;                              \
  extern "C" decltype(failure) __wrap_##name parameters {                             \
    return fails(Call::kind) ? failure : counted(Call::kind, __real_##name arguments); \
  }

WRAP(device_alloc, cudaMalloc, cudaErrorMemoryAllocation, (void** p, std::size_t n), (p, n))
WRAP(host_alloc, cudaHostAlloc, cudaErrorMemoryAllocation, (void** p, std::size_t n, unsigned flags), (p, n, flags))
WRAP(device_free, cudaFree, cudaErrorInvalidValue, (void* p), (p))
WRAP(host_free, cudaFreeHost, cudaErrorInvalidValue, (void* p), (p))
WRAP(stream_create, cudaStreamCreateWithFlags, cudaErrorMemoryAllocation, (cudaStream_t* s, unsigned flags), (s, flags))
WRAP(stream_destroy, cudaStreamDestroy, cudaErrorInvalidValue, (cudaStream_t s), (s))
WRAP(event_create, cudaEventCreateWithFlags, cudaErrorMemoryAllocation, (cudaEvent_t* e, unsigned flags), (e, flags))
WRAP(event_destroy, cudaEventDestroy, cudaErrorInvalidValue, (cudaEvent_t e), (e))
WRAP(launch, cudaLaunchKernelExC, cudaErrorLaunchOutOfResources, (const cudaLaunchConfig_t* c, const void* f, void** a), (c, f, a))
WRAP(copy, cudaMemcpyAsync, cudaErrorInvalidValue, (void* to, const void* from, std::size_t n, cudaMemcpyKind kind, cudaStream_t s), (to, from, n, kind, s))
WRAP(graph_launch, cudaGraphLaunch, cudaErrorMemoryAllocation, (cudaGraphExec_t g, cudaStream_t s), (g, s))
WRAP(graph_instantiate, cudaGraphInstantiate, cudaErrorMemoryAllocation, (cudaGraphExec_t * e, cudaGraph_t g, unsigned long long flags), (e, g, flags))
WRAP(graph_destroy, cudaGraphExecDestroy, cudaErrorInvalidValue, (cudaGraphExec_t e), (e))
WRAP(library_create, cublasLtCreate, CUBLAS_STATUS_NOT_INITIALIZED, (cublasLtHandle_t * h), (h))
WRAP(library_destroy, cublasLtDestroy, CUBLAS_STATUS_NOT_INITIALIZED, (cublasLtHandle_t h), (h))
// cuBLASLt's products: its own allocations of host memory are counted apart. Where PROXYV_POISON_PRODUCTS is set, the
// product's memory holds NaN before it: compute-sanitizer's initcheck does not see what bulk copies write, and what a product
// left out would show in the values.
namespace {

std::atomic<std::int64_t> made_by_library{0};

std::uint64_t layout_number(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t what) {
  std::uint64_t value = 0;
  std::size_t written = 0;
  static_cast<void>(cublasLtMatrixLayoutGetAttribute(layout, what, &value, sizeof value, &written));
  return value;
}
std::size_t element_bytes(cublasLtMatrixLayout_t layout) {
  std::uint32_t type = 0;
  std::size_t written = 0;
  static_cast<void>(cublasLtMatrixLayoutGetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_TYPE, &type, sizeof type, &written));
  return type == CUDA_R_32F ? 4 : 2;
}
void poison(void* y, cublasLtMatrixLayout_t layout, cudaStream_t stream) {
  static const bool wanted = std::getenv("PROXYV_POISON_PRODUCTS") != nullptr;
  if (!wanted) return;
  const std::size_t bytes = element_bytes(layout);
  static_cast<void>(cudaMemset2DAsync(y, layout_number(layout, CUBLASLT_MATRIX_LAYOUT_LD) * bytes, 0xff,
                                      layout_number(layout, CUBLASLT_MATRIX_LAYOUT_ROWS) * bytes,
                                      layout_number(layout, CUBLASLT_MATRIX_LAYOUT_COLS), stream));
}

}  // namespace

std::int64_t calls::library_new() { return made_by_library; }

extern "C" cublasStatus_t __real_cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*, cublasLtMatrixLayout_t, const void*,
                                                cublasLtMatrixLayout_t, const void*, const void*, cublasLtMatrixLayout_t, void*, cublasLtMatrixLayout_t,
                                                const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t);
extern "C" cublasStatus_t __wrap_cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void* alpha, const void* a, cublasLtMatrixLayout_t al,
                                                const void* b, cublasLtMatrixLayout_t bl, const void* beta, const void* c, cublasLtMatrixLayout_t cl, void* y,
                                                cublasLtMatrixLayout_t yl, const cublasLtMatmulAlgo_t* algo, void* space, std::size_t bytes, cudaStream_t s);
extern "C" cublasStatus_t __wrap_cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void* alpha, const void* a, cublasLtMatrixLayout_t al,
                                                const void* b, cublasLtMatrixLayout_t bl, const void* beta, const void* c, cublasLtMatrixLayout_t cl, void* y,
                                                cublasLtMatrixLayout_t yl, const cublasLtMatmulAlgo_t* algo, void* space, std::size_t bytes, cudaStream_t s) {
  if (fails(Call::matmul)) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (*static_cast<const float*>(beta) == 0.f) poison(y, yl, s);
  const bool counting = counting_new::armed;
  const int ours = counting_new::allocations;
  const cublasStatus_t status = __real_cublasLtMatmul(h, d, alpha, a, al, b, bl, beta, c, cl, y, yl, algo, space, bytes, s);
  if (counting) made_by_library += counting_new::allocations - ours, counting_new::allocations = ours;
  return counted(Call::matmul, status);
}

// Waits count when there was something to wait for.
extern "C" cudaError_t __real_cudaEventSynchronize(cudaEvent_t e);
extern "C" cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t e);
extern "C" cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t e) {
  if (cudaEventQuery(e) == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());  // not an error, but kept as one
    counted(Call::blocked, cudaSuccess);
  }
  return __real_cudaEventSynchronize(e);
}
extern "C" cudaError_t __real_cudaStreamSynchronize(cudaStream_t s);
extern "C" cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t s);
extern "C" cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t s) {
  return fails(Call::blocked) ? cudaErrorLaunchFailure : counted(Call::blocked, __real_cudaStreamSynchronize(s));
}
extern "C" cudaError_t __real_cudaDeviceSynchronize();
extern "C" cudaError_t __wrap_cudaDeviceSynchronize();
extern "C" cudaError_t __wrap_cudaDeviceSynchronize() { return counted(Call::blocked, __real_cudaDeviceSynchronize()); }

TEST_CASE("calls: allocations of operator new are counted while asked for") {
  calls::begin_counting_new();
  ::operator delete(::operator new(10));
  CHECK(calls::end_counting_new() == 1);
  ::operator delete(::operator new(10));
  CHECK(calls::end_counting_new() == 1);
}

TEST_CASE("calls: a call that is told to fails, once") {
  void* p = nullptr;
  {
    const calls::Failing failing(Call::device_alloc);
    CHECK(cudaMalloc(&p, 16) == cudaErrorMemoryAllocation);
  }
  NEEDS_GPU();
  CHECK(calls::made_by(Call::device_alloc, [&] { CHECK(cudaMalloc(&p, 16) == cudaSuccess); }) == 1);
  CHECK(calls::made_by(Call::device_free, [&] { CHECK(cudaFree(p) == cudaSuccess); }) == 1);
  {
    const calls::Failing failing(Call::device_alloc, 1);
    CHECK(cudaMalloc(&p, 16) == cudaSuccess);
    CHECK(cudaFree(p) == cudaSuccess);
    CHECK(cudaMalloc(&p, 16) == cudaErrorMemoryAllocation);
    CHECK(cudaMalloc(&p, 16) == cudaSuccess);
    CHECK(cudaFree(p) == cudaSuccess);
  }
}
