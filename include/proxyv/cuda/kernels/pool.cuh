// Between full vision tokens and their spatial proxies: pooling, its opposite, and the folded update's middle.
#pragma once

#include "proxyv/cuda/kernels/gate.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

/// Where output i of a bilinear reduction reads: half-pixel centres, no antialiasing.
struct Taps {
  int low, high;
  float part;

  __device__ Taps(int i, int factor, int side) {
    const float source = fmaxf((static_cast<float>(i) + 0.5f) * static_cast<float>(factor) - 0.5f, 0.f);
    low = static_cast<int>(source);
    high = min(low + 1, side - 1);
    part = source - static_cast<float>(low);
  }
};

template <class T, int N>
__global__ void bilinear_pool_kernel(Rows<const T> x, Rows<T> y, int side, int factor) {
  wait_for_previous();
  let_next_begin();
  const int out = side / factor;
  for_each_pack(y.rows, y.cols / N, [&](std::int64_t row, std::int64_t pack) {
    const std::int64_t col = pack * N, crop = row / (out * out);
    const Taps v(static_cast<int>(row / out % out), factor, side), h(static_cast<int>(row % out), factor, side);
    const auto tap = [&](int i, int j) { return load_pack<T, N>(x.data + ((crop * side + i) * side + j) * x.stride + col); };
    const Pack<T, N> ll = tap(v.low, h.low), lh = tap(v.low, h.high), hl = tap(v.high, h.low), hh = tap(v.high, h.high);
    Pack<T, N> result;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const float low = as_float(ll.at[k]) * (1.f - h.part) + as_float(lh.at[k]) * h.part;
      const float high = as_float(hl.at[k]) * (1.f - h.part) + as_float(hh.at[k]) * h.part;
      result.at[k] = as_element<T>(low * (1.f - v.part) + high * v.part);
    }
    store_pack<T, N>(y.data + row * y.stride + col, result);
  });
}

/// The pooled row that stands for a full row. Rows are below 2^31: positions are.
__device__ inline std::int64_t pooled_row(std::int64_t full_row, int side, int factor) {
  const int row = static_cast<int>(full_row), small = side / factor, line = row / side;
  const int crop = line / side, i = line % side, j = row % side;
  return (std::int64_t{crop} * small + i / factor) * small + j / factor;
}

template <class T, int N>
__global__ void upsample_kernel(Rows<const T> x, Rows<T> y, int side, int factor) {
  wait_for_previous();
  let_next_begin();
  for_each_pack(y.rows, y.cols / N, [&](std::int64_t row, std::int64_t pack) {
    const std::int64_t col = pack * N;
    store_pack<T, N>(y.data + row * y.stride + col, load_pack<T, N>(x.data + pooled_row(row, side, factor) * x.stride + col));
  });
}

template <class T, int N>
__global__ void silu_add_upsampled_kernel(Rows<const T> context, Rows<T> mixed, int side, int factor) {
  wait_for_previous();
  let_next_begin();
  for_each_pack(mixed.rows, mixed.cols / N, [&](std::int64_t row, std::int64_t pack) {
    const std::int64_t col = pack * N;
    T* at = mixed.data + row * mixed.stride + col;
    Pack<T, N> v = load_pack<T, N>(at);
    const Pack<T, N> c = load_pack<T, N>(context.data + pooled_row(row, side, factor) * context.stride + col);
#pragma unroll
    for (int k = 0; k < N; ++k) v.at[k] = as_element<T>(activated(Act::silu, as_float(v.at[k]) + as_float(c.at[k])));
    store_pack<T, N>(at, v);
  });
}

template <class T, class F>
cudaError_t launch_pooling(Rows<const T> x, Rows<T> y, const Grid& grid, const Where& where, F kernel_of) {
  return with_width<T>(in_sixteens(x) && in_sixteens(y), [&]<int N>(std::integral_constant<int, N> width) {
    return launch(where, blocks_for_packs(y.rows, y.cols / N), pack_threads, 0, kernel_of(width), x, y, static_cast<int>(grid.side),
                  static_cast<int>(grid.factor));
  });
}

}  // namespace kernels

template <class T>
cudaError_t bilinear_pool(Rows<const T> x, Rows<T> y, const Grid& grid, const Where& where) {
  return kernels::launch_pooling(x, y, grid, where, []<int N>(std::integral_constant<int, N>) { return kernels::bilinear_pool_kernel<T, N>; });
}

template <class T>
cudaError_t upsample(Rows<const T> x, Rows<T> y, const Grid& grid, const Where& where) {
  return kernels::launch_pooling(x, y, grid, where, []<int N>(std::integral_constant<int, N>) { return kernels::upsample_kernel<T, N>; });
}

template <class T>
cudaError_t silu_add_upsampled(Rows<const T> context, Rows<T> mixed, const Grid& grid, const Where& where) {
  return kernels::launch_pooling(context, mixed, grid, where,
                                 []<int N>(std::integral_constant<int, N>) { return kernels::silu_add_upsampled_kernel<T, N>; });
}

}  // namespace cuda
}  // namespace proxyv::inline v0
