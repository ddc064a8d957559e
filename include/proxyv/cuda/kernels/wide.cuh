// 16 bytes of a row at a time: moved as one word, taken apart in registers.
//
// A struct of 16-bit elements is copied element by element when the compiler so decides; uint4 is not.
#pragma once

#include <cstring>

#include "proxyv/cuda/kernels/element.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Elements in 16 bytes.
template <class T>
inline constexpr int wide = 16 / static_cast<int>(sizeof(T));
template <class T>
using Floats = float[wide<T>];

template <class T>
__device__ inline void unpack_wide(const uint4& words, Floats<T>& out) {
  const std::uint32_t word[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      out[i] = __uint_as_float(word[i]);
    } else if constexpr (std::is_same_v<T, bf16>) {
      out[2 * i] = __uint_as_float(word[i] << 16);
      out[2 * i + 1] = __uint_as_float(word[i] & 0xffff0000u);
    } else {
      __half2 pair;
      memcpy(&pair, &word[i], sizeof(pair));
      const float2 both = __half22float2(pair);
      out[2 * i] = both.x;
      out[2 * i + 1] = both.y;
    }
  }
}

/// Rounds to nearest even.
template <class T>
__device__ inline uint4 pack_wide(const Floats<T>& in) {
  std::uint32_t word[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      word[i] = __float_as_uint(in[i]);
    } else if constexpr (std::is_same_v<T, bf16>) {
      const __nv_bfloat162 pair = __floats2bfloat162_rn(in[2 * i], in[2 * i + 1]);
      memcpy(&word[i], &pair, sizeof(pair));
    } else {
      const __half2 pair = __floats2half2_rn(in[2 * i], in[2 * i + 1]);
      memcpy(&word[i], &pair, sizeof(pair));
    }
  }
  return {word[0], word[1], word[2], word[3]};
}

/// Whether rows can be read 16 bytes at a time, as far as their begin and stride go. Null pointers can.
template <class T>
bool rows_wide(const T* data, std::int64_t rows, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && (rows <= 1 || stride % wide<T> == 0);
}

/// Pack p of a row, zeros past its end. `whole`: all rows can be read wide and end with a whole pack.
template <class T>
__device__ inline uint4 load_wide(const T* row, int p, int cols, bool whole) {
  if (whole) return *(reinterpret_cast<const uint4*>(row) + p);
  Floats<T> out;
#pragma unroll
  for (int e = 0; e < wide<T>; ++e) {
    const int j = p * wide<T> + e;
    out[e] = j < cols ? as_float(row[j]) : 0.f;
  }
  return pack_wide<T>(out);  // exact: the values came from T
}

template <class T>
__device__ inline void store_wide(T* row, int p, int cols, bool whole, const uint4& words) {
  if (whole) {
    *(reinterpret_cast<uint4*>(row) + p) = words;
    return;
  }
  Floats<T> in;
  unpack_wide<T>(words, in);
#pragma unroll
  for (int e = 0; e < wide<T>; ++e)
    if (const int j = p * wide<T> + e; j < cols) row[j] = as_element<T>(in[e]);
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
