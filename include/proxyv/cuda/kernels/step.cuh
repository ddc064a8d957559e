// The small moves of a decode step and of packing: counters, rows by number, embeddings.
//
// Row numbers lie in device memory and were checked by whoever made them; not_a_token, which only the
// device can know of, embeds as zeros.
#pragma once

#include <algorithm>

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/kernels/wide.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

template <int = 0>
__global__ void advance_kernel(std::int32_t* counters, int n) {
  wait_for_previous();
  let_next_begin();
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) ++counters[i];
}

inline constexpr int move_threads = 128;
inline constexpr int move_packs = 2;  ///< a thread's share of a row

/// Count elements, all whole 16-byte packs on both sides; from nowhere come zeros.
template <int Count, class W, class T>
__device__ inline void move_wide(const W* from, T* to) {
  float value[Count];
#pragma unroll
  for (int e = 0; e < Count; e += wide<W>) {
    uint4 words{};
    if (from != nullptr) words = *reinterpret_cast<const uint4*>(from + e);
    if constexpr (std::is_same_v<T, W>) *reinterpret_cast<uint4*>(to + e) = words;
    else unpack_wide<W>(words, reinterpret_cast<Floats<W>&>(value[e]));
  }
  if constexpr (!std::is_same_v<T, W>) {
#pragma unroll
    for (int e = 0; e < Count; e += wide<T>)
      *reinterpret_cast<uint4*>(to + e) = pack_wide<T>(reinterpret_cast<const Floats<T>&>(value[e]));
  }
}

enum class Move : std::uint8_t { gather, scatter };

/// gather: y[i] = x[ids[i]]; scatter: y[ids[i]] = x[i]. W -> T; a row is cut into pieces of gridDim.x blocks.
template <class T, class W, Move Way>
__global__ void __launch_bounds__(move_threads)
    move_rows_kernel(Rows<const W> x, const std::int32_t* ids, Rows<T> y, bool whole) {
  constexpr int width =
      sizeof(T) < sizeof(W) ? wide<T> : wide<W>;  // elements per thread and turn: the more of the two
  wait_for_previous();
  let_next_begin();
  const std::int64_t i = blockIdx.y, other = ids[i], cols = y.cols;
  const bool missing = other < 0;
  if (missing && Way == Move::scatter) return;
  const W* from = x.data + (Way == Move::gather ? (missing ? 0 : other) : i) * x.stride;
  T* to = y.data + (Way == Move::scatter ? other : i) * y.stride;
#pragma unroll
  for (int h = 0; h < move_packs; ++h) {
    const std::int64_t j =
        ((static_cast<std::int64_t>(blockIdx.x) * move_packs + h) * move_threads + threadIdx.x) * width;
    if (whole && j < cols) {
      move_wide<width>(missing ? nullptr : from + j, to + j);
    } else if (!whole) {
      for (int e = 0; e < width; ++e) {
        if (j + e >= cols) break;
        if constexpr (std::is_same_v<T, W>) to[j + e] = missing ? T{} : from[j + e];
        else to[j + e] = missing ? T{} : as_element<T>(as_float(from[j + e]));
      }
    }
  }
}

template <class T, class W, Move Way>
cudaError_t move_rows(Rows<const W> x, const std::int32_t* ids, Rows<T> y, const Where& where) {
  const std::int64_t count = Way == Move::gather ? y.rows : x.rows, cols = y.cols;
  constexpr int width = sizeof(T) < sizeof(W) ? wide<T> : wide<W>;
  constexpr auto aligned = [](const auto* data, std::int64_t stride) {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % width == 0;
  };
  const bool whole = cols % width == 0 && aligned(x.data, x.stride) && aligned(y.data, y.stride);
  if (cols == 0) return cudaSuccess;
  const auto pieces = static_cast<unsigned>(ceil_div(cols, std::int64_t{width * move_threads * move_packs}));
  constexpr std::int64_t most = 65535;  // rows of one grid
  for (std::int64_t begin = 0; begin < count; begin += most) {
    const auto rows = static_cast<unsigned>(std::min(most, count - begin));
    Rows<const W> some = x;
    Rows<T> target = y;
    if constexpr (Way == Move::gather) target.data += begin * y.stride;
    else some.data += begin * x.stride;
    const cudaError_t status = launch(where, dim3(pieces, rows), move_threads, 0, move_rows_kernel<T, W, Way>,
                                      some, ids + begin, target, whole);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

/// Where rows go.
template <class T>
struct RowTargets {
  T* at[most_row_targets];
};

/// A row is cut into pieces of gridDim.x blocks.
template <class T>
__global__ void __launch_bounds__(move_threads)
    spread_rows_kernel(Rows<const T> x, const __grid_constant__ RowTargets<T> to, bool whole) {
  wait_for_previous();
  let_next_begin();
  const std::int64_t i = blockIdx.y;
  const T* from = x.data + i * x.stride;
  T* target = to.at[i];
#pragma unroll
  for (int h = 0; h < move_packs; ++h) {
    const std::int64_t j =
        ((static_cast<std::int64_t>(blockIdx.x) * move_packs + h) * move_threads + threadIdx.x) * wide<T>;
    if (whole && j < x.cols) move_wide<wide<T>>(from + j, target + j);
    for (int e = 0; !whole && e < wide<T> && j + e < x.cols; ++e) target[j + e] = from[j + e];
  }
}

}  // namespace cuda::kernels

namespace cuda {

template <class T>
cudaError_t spread_rows(Rows<const T> x, T* const* to, const Where& where) {
  using namespace kernels;
  if (x.rows <= 0 || x.cols <= 0) return cudaSuccess;
  RowTargets<T> targets{};
  bool whole = in_sixteens(x);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    targets.at[i] = to[i];
    whole = whole && reinterpret_cast<std::uintptr_t>(to[i]) % 16 == 0;
  }
  const auto pieces = static_cast<unsigned>(ceil_div(x.cols, std::int64_t{wide<T> * move_threads * move_packs}));
  return launch(where, dim3(pieces, static_cast<unsigned>(x.rows)), move_threads, 0, spread_rows_kernel<T>, x, targets, whole);
}

/// Each of n counters in device memory grows by one.
inline cudaError_t advance(std::int32_t* counters, int n, const Where& where) {
  if (n <= 0) return cudaSuccess;
  constexpr int threads = 128;
  return kernels::launch(where, dim3(static_cast<unsigned>((n + threads - 1) / threads)), threads, 0,
                         kernels::advance_kernel<>, counters, n);
}

/// y[i] = x[ids[i]], i < y.rows.
template <class T>
cudaError_t gather_rows(Rows<const T> x, const std::int32_t* ids, Rows<T> y, const Where& where) {
  return kernels::move_rows<T, T, kernels::Move::gather>(x, ids, y, where);
}

/// y[ids[i]] = x[i], i < x.rows; ids differ from each other.
template <class T>
cudaError_t scatter_rows(Rows<const T> x, const std::int32_t* ids, Rows<T> y, const Where& where) {
  return kernels::move_rows<T, T, kernels::Move::scatter>(x, ids, y, where);
}

/// y[i] = table[ids[i]], i < y.rows; table [vocab, y.cols] without gaps, of any element type.
template <class T>
cudaError_t embed_rows(const void* table, DType type, const std::int32_t* ids, Rows<T> y,
                       const Where& where) {
  return with_dtype(type, [&]<class W>(W) {
    const Rows<const W> rows{static_cast<const W*>(table), 0, y.cols, y.cols};
    return kernels::move_rows<T, W, kernels::Move::gather>(rows, ids, y, where);
  });
}

}  // namespace cuda
}  // namespace proxyv::inline v0
