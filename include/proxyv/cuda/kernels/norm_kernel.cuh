// The kernel of all norms: a block per row, the row in registers. (Rings of bulk copies and
// persistent blocks were slower: what hides the latency is many small blocks.)
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/kernels/row_sum.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// What happens to every row; a null pointer leaves its step out.
template <class T>
struct NormRows {
  Rows<const T> x{};
  Rows<const T> delta{};  ///< added to x first
  T* kept = nullptr;      ///< takes x + delta, or the first of two norms
  std::int64_t kept_stride = 0;
  const T* gain = nullptr;
  const T* bias = nullptr;       ///< LayerNorm
  const T* next_gain = nullptr;  ///< of a second RMSNorm
  float eps = 0.f, next_eps = 0.f;
  Rows<T> y{};
  bool whole = false;  ///< every access can be 16 bytes wide
};

/// A thread's packs of a row: work(p, h) for its packs p, the h-th of its own.
template <int Held, class F>
__device__ inline void each_pack(int packs, F&& work) {
  if constexpr (Held > 0) {
#pragma unroll
    for (int h = 0; h < Held; ++h)
      if (const int p = static_cast<int>(threadIdx.x) + h * row_lanes; p < packs) work(p, h);
  } else {
    for (int p = static_cast<int>(threadIdx.x); p < packs; p += row_lanes) work(p, 0);
  }
}

/// Held > 0: a row lives in registers, Held packs a thread; 0: it is read again in every pass.
template <class T, int Held, bool Centred>
__global__ void __launch_bounds__(row_lanes, Held == 2 ? 8 : 2)
    norm_kernel(const __grid_constant__ NormRows<T> job) {
  __shared__ float slots[2][row_warps];
  const int cols = static_cast<int>(job.x.cols), packs = (cols + wide<T> - 1) / wide<T>;
  const bool whole = job.whole;
  wait_for_previous();
  let_next_begin();

  uint4 row[Held > 0 ? Held : 1];
  const std::int64_t i = blockIdx.x;
  const T* x = job.x.data + i * job.x.stride;
  T* kept = job.kept != nullptr ? job.kept + i * job.kept_stride : nullptr;
  T* y = job.y.data + i * job.y.stride;
  const auto again = [&](const T* from, int p) {
    if constexpr (Held == 0) row[0] = load_wide(from, p, cols, whole);
  };

  if constexpr (Held > 0)
    each_pack<Held>(packs, [&](int p, int h) { row[h] = load_wide(x, p, cols, whole); });
  if (job.delta.data != nullptr) {
    const T* delta = job.delta.data + i * job.delta.stride;
    each_pack<Held>(packs, [&](int p, int h) {
      again(x, p);
      Floats<T> a, b;
      unpack_wide<T>(row[h], a);
      unpack_wide<T>(load_wide(delta, p, cols, whole), b);
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) a[e] += b[e];
      row[h] = pack_wide<T>(a);
      store_wide(kept, p, cols, whole, row[h]);
    });
    x = kept;
  }

  float mean = 0.f;
  if constexpr (Centred) {
    float sum = 0.f;
    each_pack<Held>(packs, [&](int p, int h) {
      again(x, p);
      Floats<T> a;
      unpack_wide<T>(row[h], a);
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) sum += a[e];  // zeros past the end
    });
    mean = lanes_sum(sum, slots[1]) / static_cast<float>(cols);
  }
  float squares = 0.f;
  each_pack<Held>(packs, [&](int p, int h) {
    again(x, p);
    if constexpr (Centred) {
      Floats<T> a;
      unpack_wide<T>(row[h], a);
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) {
        const float d = whole || p * wide<T> + e < cols ? a[e] - mean : 0.f;
        squares = fmaf(d, d, squares);
      }
    } else {
      squares = add_squares<T>(squares, row[h]);
    }
  });
  const float scale = norm_scale(lanes_sum(squares, slots[0]), cols, job.eps);

  T* first = job.next_gain != nullptr ? kept : y;
  float next_squares = 0.f;
  each_pack<Held>(packs, [&](int p, int h) {
    again(x, p);
    Floats<T> a, g;
    unpack_wide<T>(row[h], a);
    unpack_wide<T>(load_wide(job.gain, p, cols, whole), g);
    if constexpr (Centred) {
      Floats<T> b;
      unpack_wide<T>(load_wide(job.bias, p, cols, whole), b);
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) a[e] = (a[e] - mean) * scale * g[e] + b[e];
    } else {
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) a[e] = a[e] * scale * g[e];
    }
    row[h] = pack_wide<T>(a);
    store_wide(first, p, cols, whole, row[h]);
    if constexpr (!Centred)
      next_squares = add_squares<T>(next_squares, row[h]);  // x and gain are 0 past the end
  });

  if constexpr (!Centred) {
    if (job.next_gain == nullptr) return;
    const float next_scale = norm_scale(lanes_sum(next_squares, slots[1]), cols, job.next_eps);
    each_pack<Held>(packs, [&](int p, int h) {
      again(kept, p);
      Floats<T> a, g;
      unpack_wide<T>(row[h], a);
      unpack_wide<T>(load_wide(job.next_gain, p, cols, whole), g);
#pragma unroll
      for (int e = 0; e < wide<T>; ++e) a[e] = a[e] * next_scale * g[e];
      store_wide(y, p, cols, whole, pack_wide<T>(a));
    });
  }
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
