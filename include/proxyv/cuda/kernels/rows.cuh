// Moving rows: copies, conversions on the way in and out, and random numbers.
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

template <class T, int N>
__global__ void copy_rows_kernel(Rows<const T> x, Rows<T> y) {
  wait_for_previous();
  let_next_begin();
  for_each_pack(x.rows, x.cols / N, [&](std::int64_t row, std::int64_t pack) {
    const std::int64_t col = pack * N;
    store_pack<T, N>(y.data + row * y.stride + col, load_pack<T, N>(x.data + row * x.stride + col));
  });
}

template <class From, class T>
__global__ void import_kernel(const From* x, Rows<T> y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(y.rows * y.cols, [&](std::int64_t i) { y.data[i / y.cols * y.stride + i % y.cols] = as_element<T>(as_float(x[i])); });
}

template <class T>
__global__ void export_kernel(Rows<const T> x, float* y) {
  wait_for_previous();
  let_next_begin();
  for_each_item(x.rows * x.cols, [&](std::int64_t i) { y[i] = as_float(x.data[i / x.cols * x.stride + i % x.cols]); });
}

/// As uniform() of backend/sampling.hpp.
__device__ inline double uniform_number(std::uint64_t seed, std::uint64_t step) {
  std::uint64_t z = seed * 0x9e3779b97f4a7c15u + (step + 1) * 0xd1342543de82ef95u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

template <class T>
__global__ void fill_kernel(T* y, std::int64_t n, std::uint64_t key, float width, float centre) {
  wait_for_previous();
  let_next_begin();
  for_each_item(n, [&](std::int64_t i) {
    const float part = static_cast<float>(uniform_number(key, static_cast<std::uint64_t>(i)) - 0.5);
    y[i] = as_element<T>(static_cast<float>(double{centre} + double{width} * double{part}));  // exact product: as host code
  });
}

}  // namespace kernels

template <class T>
cudaError_t copy_rows(Rows<const T> x, Rows<T> y, const Where& where) {
  return kernels::with_width<T>(kernels::in_sixteens(x) && kernels::in_sixteens(y), [&]<int N>(std::integral_constant<int, N>) {
    return kernels::launch(where, kernels::blocks_for_packs(x.rows, x.cols / N), kernels::pack_threads, 0, kernels::copy_rows_kernel<T, N>, x, y);
  });
}

template <class T>
cudaError_t import_rows(const void* x, DType type, Rows<T> y, const Where& where) {
  return with_dtype(type, [&]<class From>(From) {
    return kernels::launch(where, kernels::blocks_for(y.rows * y.cols, 256, where), 256, 0, kernels::import_kernel<From, T>,
                           static_cast<const From*>(x), y);
  });
}

template <class T>
cudaError_t export_rows(Rows<const T> x, float* y, const Where& where) {
  return kernels::launch(where, kernels::blocks_for(x.rows * x.cols, 256, where), 256, 0, kernels::export_kernel<T>, x, y);
}

template <class T>
cudaError_t fill_uniform(T* y, std::int64_t n, std::uint64_t key, float width, float centre, const Where& where) {
  return kernels::launch(where, kernels::blocks_for(n, 256, where), 256, 0, kernels::fill_kernel<T>, y, n, key, width, centre);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
