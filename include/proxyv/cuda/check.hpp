// CudaError, and the check behind every CUDA and cuBLASLt call of the library.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <string>

#include "proxyv/core/error.hpp"

namespace proxyv::inline v0 {

/// A CUDA or cuBLASLt call that failed, or a kernel that did. The message names the call and the place.
/// After a fault of a kernel (an illegal address, say) the process's CUDA context is lost, as CUDA has it.
class CudaError : public Error {
 public:
  CudaError(const char* call, const char* where, const std::string& reason, int status)
      : Error(std::string("CUDA: ") + call + " in " + where + ": " + reason), code(status) {}

  int code;  ///< cudaError_t or cublasStatus_t
};

namespace cuda {

inline void check(cudaError_t status, const char* call, const char* where) {
  if (status == cudaSuccess) [[likely]]
    return;
  static_cast<void>(cudaGetLastError());  // the error is reported once, here
  proxyv::detail::fail(CudaError(call, where, std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status), static_cast<int>(status)));
}

inline void check(cublasStatus_t status, const char* call, const char* where) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  proxyv::detail::fail(CudaError(call, where, std::string(cublasLtGetStatusName(status)) + ": " + cublasLtGetStatusString(status), static_cast<int>(status)));
}

}  // namespace cuda
}  // namespace proxyv::inline v0
