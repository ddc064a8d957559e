// Rotary embedding: the table, in double as the host makes it, and the rotation in place.
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

static __global__ void rotary_table_kernel(const std::int32_t* positions, std::int64_t n, std::int64_t half, double theta, Rows<float> table) {
  wait_for_previous();
  let_next_begin();
  for_each_item(n * half, [&](std::int64_t item) {
    const std::int64_t i = item / half, j = item % half;
    const double frequency = pow(theta, -2.0 * static_cast<double>(j) / static_cast<double>(2 * half));
    double sine = 0.0, cosine = 0.0;
    sincos(static_cast<double>(positions[i]) * frequency, &sine, &cosine);
    table.data[i * table.stride + j] = static_cast<float>(cosine);
    table.data[i * table.stride + half + j] = static_cast<float>(sine);
  });
}

/// The same for stretched frequencies, which the host has computed.
struct Frequencies {
  double of[RotaryScaling::max_pairs];
};
static __global__ void scaled_rotary_table_kernel(const std::int32_t* positions, std::int64_t n, std::int64_t half, const __grid_constant__ Frequencies frequency,
                                                  double amplitude, Rows<float> table) {
  wait_for_previous();
  let_next_begin();
  for_each_item(n * half, [&](std::int64_t item) {
    const std::int64_t i = item / half, j = item % half;
    double sine = 0.0, cosine = 0.0;
    sincos(static_cast<double>(positions[i]) * frequency.of[j], &sine, &cosine);
    table.data[i * table.stride + j] = static_cast<float>(cosine * amplitude);
    table.data[i * table.stride + half + j] = static_cast<float>(sine * amplitude);
  });
}

/// N pairs (j, j + dim/2) an item.
template <class T, int N>
__global__ void rotate_kernel(Rows<T> x, Rows<const float> table) {
  wait_for_previous();
  let_next_begin();
  const std::int64_t dim = table.cols, half = dim / 2, packs = half / N, heads = x.cols / dim;
  for_each_item(x.rows * heads * packs, [&](std::int64_t item) {
    const std::int64_t j = item % packs * N, head = item / packs % heads, row = item / packs / heads;
    T* low = x.data + row * x.stride + head * dim + j;
    const float *cosine = table.data + row * table.stride + j, *sine = cosine + half;
    Pack<T, N> a = load_pack<T, N>(low), b = load_pack<T, N>(low + half);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float c = cosine[i], s = sine[i], u = as_float(a.at[i]), v = as_float(b.at[i]);
      a.at[i] = as_element<T>(u * c - v * s);
      b.at[i] = as_element<T>(v * c + u * s);
    }
    store_pack<T, N>(low, a);
    store_pack<T, N>(low + half, b);
  });
}

}  // namespace kernels

inline cudaError_t rotary_table(const std::int32_t* positions, std::int64_t n, const Rotary& rotary, Rows<float> table, const Where& where) {
  const std::int64_t half = rotary.head_dim / 2;
  if (rotary.scaling.present()) {
    kernels::Frequencies frequency{};
    for (std::int64_t j = 0; j < half; ++j) frequency.of[j] = rotary.frequency(j);
    return kernels::launch(where, kernels::blocks_for(n * half, 128, where), 128, 0, kernels::scaled_rotary_table_kernel, positions, n, half, frequency,
                           rotary.amplitude(), table);
  }
  return kernels::launch(where, kernels::blocks_for(n * half, 128, where), 128, 0, kernels::rotary_table_kernel, positions, n, half, rotary.theta, table);
}

template <class T>
cudaError_t rotate(Rows<T> x, Rows<const float> table, const Where& where) {
  constexpr std::int64_t per = 16 / static_cast<std::int64_t>(sizeof(T));
  const bool wide = kernels::in_sixteens(x) && table.cols / 2 % per == 0;
  return kernels::with_width<T>(wide, [&]<int N>(std::integral_constant<int, N>) {
    return kernels::launch(where, kernels::blocks_for(x.rows * x.cols / 2 / N, 256, where), 256, 0, kernels::rotate_kernel<T, N>, x, table);
  });
}

}  // namespace cuda
}  // namespace proxyv::inline v0
