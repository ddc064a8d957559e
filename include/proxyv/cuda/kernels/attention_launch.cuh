// How attention's kernels are launched: programmatic overlap where asked, clusters, shared memory beyond 48
// KB.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/launch.hpp"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

template <class... Parameters, class... Arguments>
cudaError_t launch_attention(void (*kernel)(Parameters...), dim3 grid, unsigned threads, std::size_t shared,
                             int cluster, const Where& where, Arguments&&... arguments) {
  cudaError_t status = share_most(kernel);
  if (status == cudaSuccess && shared > 48 * 1024)
    status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  if (status != cudaSuccess) return status;
  cudaLaunchAttribute attributes[2] = {};
  unsigned count = 0;
  if (where.overlap && where.arch >= 90) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = where.stream;
  config.attrs = attributes;
  config.numAttrs = count;
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
