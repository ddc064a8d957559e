// Activations after a product: in place, and SwiGLU's gate.
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

/// As activate() of backend/epilogue.hpp.
__device__ inline float activated(Act act, float x) {
  switch (act) {
    case Act::silu: return x / (1.f + __expf(-x));
    case Act::gelu: return 0.5f * x * (1.f + erff(x * 0.70710678118654752f));
    case Act::quick_gelu: return x / (1.f + __expf(-1.702f * x));
    case Act::none: break;
  }
  return x;
}

template <class T, int N>
__global__ void activate_kernel(Rows<T> y, Act act) {
  wait_for_previous();
  let_next_begin();
  for_each_pack(y.rows, y.cols / N, [&](std::int64_t row, std::int64_t pack) {
    T* at = y.data + row * y.stride + pack * N;
    Pack<T, N> v = load_pack<T, N>(at);
#pragma unroll
    for (int k = 0; k < N; ++k) v.at[k] = as_element<T>(activated(act, as_float(v.at[k])));
    store_pack<T, N>(at, v);
  });
}

template <class T, int N>
__global__ void silu_mul_kernel(Rows<const T> gate, Rows<const T> up, Rows<T> y) {
  wait_for_previous();
  let_next_begin();
  for_each_pack(y.rows, y.cols / N, [&](std::int64_t row, std::int64_t pack) {
    const std::int64_t col = pack * N;
    const Pack<T, N> g = load_pack<T, N>(gate.data + row * gate.stride + col), u = load_pack<T, N>(up.data + row * up.stride + col);
    Pack<T, N> v;
#pragma unroll
    for (int k = 0; k < N; ++k) v.at[k] = as_element<T>(activated(Act::silu, as_float(g.at[k])) * as_float(u.at[k]));
    store_pack<T, N>(y.data + row * y.stride + col, v);
  });
}

}  // namespace kernels

template <class T>
cudaError_t activate_rows(Rows<T> y, Act act, const Where& where) {
  return kernels::with_width<T>(kernels::in_sixteens(y), [&]<int N>(std::integral_constant<int, N>) {
    return kernels::launch(where, kernels::blocks_for_packs(y.rows, y.cols / N), kernels::pack_threads, 0, kernels::activate_kernel<T, N>, y, act);
  });
}

template <class T>
cudaError_t silu_mul(Rows<const T> gate, Rows<const T> up, Rows<T> y, const Where& where) {
  const bool wide = kernels::in_sixteens(gate) && kernels::in_sixteens(up) && kernels::in_sixteens(y);
  return kernels::with_width<T>(wide, [&]<int N>(std::integral_constant<int, N>) {
    return kernels::launch(where, kernels::blocks_for_packs(y.rows, y.cols / N), kernels::pack_threads, 0, kernels::silu_mul_kernel<T, N>, gate, up, y);
  });
}

}  // namespace cuda
}  // namespace proxyv::inline v0
