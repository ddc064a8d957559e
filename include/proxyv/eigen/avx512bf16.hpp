// The kernels of avx512.hpp with those for dot products of bf16 pairs, for CPUs with AVX512_BF16.
//
// An instruction multiplies pairs of bf16 and adds both products to a float: twice the multiplications of
// floats. Rows of x are rounded to bf16 when they are packed. Subnormal numbers count as 0, as the
// instruction has it.
#pragma once

#include "proxyv/eigen/avx512.hpp"

#if PROXYV_CPU_DISPATCH

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // vectors as template arguments
PROXYV_TARGET_BEGIN_AVX512BF16

namespace proxyv::inline v0 {
namespace detail {
namespace avx512bf16 {

using avx512::each_packet;
using avx512::lanes;
using avx512::load;
using avx512::Packet;
using avx512::panel_cols;
using avx512::splat;
using avx512::store;
using avx512::tile_packets;
namespace ei = avx512::ei;

/// Thirty-two floats rounded to nearest, in the order of memory.
[[gnu::always_inline]] inline void round_to_pairs(const float* x, float* out) {
  const __m512bh pairs = _mm512_cvtne2ps_pbh(avx512::load(x + lanes), avx512::load(x));
  std::memcpy(out, &pairs, sizeof pairs);
}

/// out[k / 2] = the pair (x[k], x[k + 1]) rounded to bf16, k < depth; the second of an odd depth's last pair
/// is 0. Asks for the row `ahead` elements further on.
inline void round_row(const float* x, index_t depth, index_t ahead, float* out) {
  index_t k = 0;
  for (; k + 2 * lanes <= depth; k += 2 * lanes) {
    __builtin_prefetch(x + ahead + k);
    __builtin_prefetch(x + ahead + k + lanes);
    round_to_pairs(x + k, out + k / 2);
  }
  if (k == depth) return;
  alignas(64) float rest[2 * lanes] = {};
  std::memcpy(rest, x + k, static_cast<std::size_t>(depth - k) * sizeof(float));
  alignas(64) float rounded[lanes];
  round_to_pairs(rest, rounded);
  std::memcpy(out + k / 2, rounded, static_cast<std::size_t>((depth - k + 1) / 2) * sizeof(float));
}

/// 32-bit elements I of a (from 0) and b (from 16) as one packet; and 64-bit ones, b's from 8.
template <int... I>
[[gnu::always_inline]] inline Packet chosen32(Packet a, Packet b) {
  alignas(64) static constexpr std::int32_t order[lanes] = {I...};
  return _mm512_maskz_permutex2var_ps(ei::every, a, _mm512_load_si512(order), b);
}
template <int... I>
[[gnu::always_inline]] inline Packet chosen64(Packet a, Packet b) {
  alignas(64) static constexpr std::int64_t order[lanes / 2] = {I...};
  return _mm512_castpd_ps(
      _mm512_maskz_permutex2var_pd(0xff, _mm512_castps_pd(a), _mm512_load_si512(order), _mm512_castps_pd(b)));
}

/// pack_rows for rows of pairs: full tiles by permutations of whole registers.
inline void pack_pair_rows(const float* x, index_t stride, int rows, index_t depth, float* out) {
  if (rows < tile_rows) return avx512::pack_rows(x, stride, rows, depth, out);
  index_t k = 0;
  for (; k + lanes <= depth; k += lanes, out += tile_rows * lanes) {
    // Two rows each, element by element: 64-bit elements [k] of three registers become [k][3].
    Packet two[3][2];
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      const Packet even = load(x + 2 * i * stride + k), odd = load(x + (2 * i + 1) * stride + k);
      two[i][0] = chosen32<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(even, odd);
      two[i][1] = chosen32<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(even, odd);
    }
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const Packet a = two[0][h], b = two[1][h], c = two[2][h];
      float* to = out + h * (tile_rows / 2) * lanes;
      store(to, chosen64<0, 1, 8, 2, 3, 9, 4, 5>(chosen64<0, 8, 1, 9, 2, 10, 0, 0>(a, b), c));
      store(to + lanes, chosen64<10, 0, 1, 11, 2, 3, 12, 4>(chosen64<3, 11, 4, 12, 5, 0, 0, 0>(a, b), c));
      store(to + 2 * lanes,
            chosen64<0, 13, 1, 2, 14, 3, 4, 15>(chosen64<13, 6, 14, 7, 15, 0, 0, 0>(a, b), c));
    }
  }
  for (; k < depth; ++k)
    for (int row = 0; row < tile_rows; ++row) *out++ = x[row * stride + k];
}

/// out[k / 2][row] = the pairs of `rows` <= tile_rows rows of x, depth <= 2 * block_depth. Writes as far
/// beyond the end as pack_rows. Asks for the rows of the next tile.
inline void pack_row_pairs(const float* x, index_t stride, int rows, index_t depth, float* out) {
  alignas(64) float pairs[tile_rows * block_depth];
  for (int row = 0; row < rows; ++row)
    round_row(x + row * stride, depth, rows * stride, pairs + row * block_depth);
  pack_pair_rows(pairs, block_depth, rows, (depth + 1) / 2, out);
}

/// out[row][k / 2] = the same pairs as they lie, for any number of rows, which begin block_depth apart.
inline void round_rows(const float* x, index_t stride, index_t rows, index_t depth, float* out) {
  for (index_t row = 0; row < rows; ++row, x += stride, out += block_depth) round_row(x, depth, stride, out);
}

struct PairProducts {
  [[gnu::always_inline]] static Packet add(Packet a, Packet b, Packet sum) {
    __m512bh x, y;
    std::memcpy(&x, &a, sizeof x);
    std::memcpy(&y, &b, sizeof y);
    return _mm512_dpbf16_ps(sum, x, y);
  }
};

#include "proxyv/eigen/level/attention_pairs.inl"
#include "proxyv/eigen/level/narrow_tile.inl"
#include "proxyv/eigen/level/tile.inl"

inline constexpr CpuKernels kernels = [] {
  CpuKernels k = avx512::kernels;
  k.pack_row_pairs = &pack_row_pairs;
  k.tile_pairs = &tile<PairProducts>;
  k.round_rows = &round_rows;
  k.tile_pairs_in_place = &tile_in_place<PairProducts>;
  k.pack_key_pairs = &pack_key_pairs;
  k.pack_value_pairs = &pack_value_pairs<tile_packets>;
  k.pack_narrow_pairs = &pack_value_pairs<narrow_packets>;
  k.narrow_tile_pairs = &narrow_tile<PairProducts, narrow_packets>;
  k.weigh_pairs = &weigh_pairs;
  return k;
}();

}  // namespace avx512bf16
}  // namespace detail
}  // namespace proxyv::inline v0

PROXYV_TARGET_END
#pragma GCC diagnostic pop

#endif  // PROXYV_CPU_DISPATCH
