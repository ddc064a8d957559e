// The plain product: any element, any type of weight, any alignment and stride. A tile of y a block, float sums.
//
// What the library spends its time in goes elsewhere (cuBLASLt, hopper_products.cuh, gemv.cuh); this path is
// for the shapes and addresses those refuse.
#pragma once

#include "proxyv/cuda/kernels/gate.cuh"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels {

inline constexpr int plain_tile = 32;     ///< rows and columns of y a block, and the depth of a step
inline constexpr int plain_threads = 256;  ///< each makes 4 rows of one column

/// A number of a matrix whose type is known at run time.
__device__ inline float number_at(const void* w, DType type, std::int64_t i) {
  switch (type) {
    case DType::f16: return as_float(static_cast<const f16*>(w)[i]);
    case DType::bf16: return as_float(static_cast<const bf16*>(w)[i]);
    case DType::f32: break;
  }
  return static_cast<const float*>(w)[i];
}

/// The right-hand side as element (column of y, depth).
struct PlainWeight {
  const void* data;
  DType type;
  std::int64_t column_step, depth_step;

  __device__ float at(std::int64_t column, std::int64_t depth) const { return number_at(data, type, column * column_step + depth * depth_step); }
};

template <class T>
__global__ void __launch_bounds__(plain_threads) plain_product_kernel(Rows<const T> x, PlainWeight w, Rows<T> y, const T* bias, float beta, Act act) {
  __shared__ float left[plain_tile][plain_tile + 1], right[plain_tile][plain_tile + 1];
  constexpr int rows_each = plain_tile * plain_tile / plain_threads;
  wait_for_previous();
  let_next_begin();
  const std::int64_t row0 = std::int64_t{blockIdx.y} * plain_tile, col0 = std::int64_t{blockIdx.x} * plain_tile;
  const int lane = static_cast<int>(threadIdx.x) % plain_tile, group = static_cast<int>(threadIdx.x) / plain_tile;
  float sum[rows_each] = {};
  for (std::int64_t depth = 0; depth < x.cols; depth += plain_tile) {
    for (int i = group; i < plain_tile; i += plain_threads / plain_tile) {
      const std::int64_t row = row0 + i, col = col0 + i, k = depth + lane;
      left[i][lane] = row < x.rows && k < x.cols ? as_float(x.data[row * x.stride + k]) : 0.f;
      right[i][lane] = col < y.cols && k < x.cols ? w.at(col, k) : 0.f;
    }
    __syncthreads();
    const int steps = static_cast<int>(x.cols - depth < plain_tile ? x.cols - depth : plain_tile);
    for (int k = 0; k < steps; ++k)
#pragma unroll
      for (int r = 0; r < rows_each; ++r) sum[r] += left[group * rows_each + r][k] * right[lane][k];
    __syncthreads();
  }
  const std::int64_t col = col0 + lane;
  if (col >= y.cols) return;
#pragma unroll
  for (int r = 0; r < rows_each; ++r) {
    const std::int64_t row = row0 + group * rows_each + r;
    if (row >= y.rows) continue;
    T* at = y.data + row * y.stride + col;
    float value = sum[r] + (bias != nullptr ? as_float(bias[col]) : 0.f);
    if (beta != 0.f) value += as_float(*at);
    *at = as_element<T>(activated(act, value));
  }
}

template <class T>
cudaError_t launch_plain(Rows<const T> x, const PlainWeight& w, Rows<T> y, const T* bias, float beta, Act act, const Where& where) {
  if (ceil_div(y.rows, plain_tile) > 65535) return cudaErrorInvalidValue;
  const dim3 blocks(static_cast<unsigned>(ceil_div(y.cols, plain_tile)), static_cast<unsigned>(ceil_div(y.rows, plain_tile)));
  return launch(where, blocks, plain_threads, 0, plain_product_kernel<T>, x, w, y, bias, beta, act);
}

}  // namespace kernels

template <class T>
cudaError_t general_product(Rows<const T> x, const void* w, DType type, Rows<T> y, const T* bias, float beta, Act act, const Where& where) {
  return kernels::launch_plain(x, kernels::PlainWeight{w, type, x.cols, 1}, y, bias, beta, act, where);
}

template <class T>
cudaError_t general_product(Rows<const T> x, Rows<const T> z, Rows<T> y, float beta, const Where& where) {
  return kernels::launch_plain<T>(x, kernels::PlainWeight{z.data, dtype_of<T>, 1, z.stride}, y, nullptr, beta, Act::none, where);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
