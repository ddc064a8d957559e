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

/// out[k / 2][row] = the pairs of `rows` <= tile_rows rows of x, depth <= 2 * block_depth. Writes as far
/// beyond the end as pack_rows. Asks for the rows of the next tile.
inline void pack_row_pairs(const float* x, index_t stride, int rows, index_t depth, float* out) {
  alignas(64) float pairs[tile_rows * block_depth];
  for (int row = 0; row < rows; ++row)
    round_row(x + row * stride, depth, rows * stride, pairs + row * block_depth);
  avx512::pack_rows(pairs, block_depth, rows, (depth + 1) / 2, out);
}

/// out[row][k / 2] = the same pairs as they lie, for any number of rows, which begin block_depth apart.
inline void round_rows(const float* x, index_t stride, index_t rows, index_t depth, float* out) {
  for (index_t row = 0; row < rows; ++row, x += stride, out += block_depth) round_row(x, depth, stride, out);
}

struct PairProducts : avx512::FloatProducts {
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
