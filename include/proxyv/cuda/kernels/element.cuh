// Elements in registers: the house's storage types as the CUDA types that compute.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "proxyv/core/dtype.hpp"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// __nv_bfloat16 for bf16, __half for f16, float for float. Same size and bits.
template <class T>
struct NativeOf;
template <>
struct NativeOf<float> {
  using type = float;
};
template <>
struct NativeOf<bf16> {
  using type = __nv_bfloat16;
};
template <>
struct NativeOf<f16> {
  using type = __half;
};
template <class T>
using Native = typename NativeOf<T>::type;

__device__ inline float as_float(float x) { return x; }
__device__ inline float as_float(bf16 x) { return __bfloat162float(__nv_bfloat16_raw{x.bits}); }
__device__ inline float as_float(f16 x) { return __half2float(__half_raw{x.bits}); }

/// Rounds to nearest even.
template <class T>
__device__ inline T as_element(float x);
template <>
__device__ inline float as_element<float>(float x) {
  return x;
}
template <>
__device__ inline bf16 as_element<bf16>(float x) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
}
template <>
__device__ inline f16 as_element<f16>(float x) {
  return {__half_as_ushort(__float2half_rn(x))};
}

/// N elements moved as one access; the address must be a multiple of N * sizeof(T).
template <class T, int N>
struct alignas(N * sizeof(T)) Pack {
  T at[N];
};

__host__ __device__ constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
