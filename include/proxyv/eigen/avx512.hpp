// The kernels for CPUs with AVX-512 (F, BW, DQ, VL), whatever the program is compiled for.
//
// Many intrinsics are used in their masked form with all lanes on: the same instructions, but GCC 12 takes
// the undefined vector inside the plain form for a mistake of ours (PR 105593).
#pragma once

#include "proxyv/eigen/dispatch.hpp"

#if PROXYV_CPU_DISPATCH

#include "proxyv/eigen/avx2.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // vectors as template arguments
PROXYV_TARGET_BEGIN_AVX512

namespace proxyv::inline v0 {
namespace detail {
namespace avx512 {

using Packet = __m512;
inline constexpr int lanes = 16;

/// The names that kernels use, as Eigen has them.
namespace ei {

using avx2::ei::PacketBlock;
using avx2::ei::pstoreu;
using avx2::ei::ptranspose;

inline constexpr __mmask16 every = 0xffff;

template <class P>
[[gnu::always_inline]] inline P ploadu(const float* p) {
  if constexpr (sizeof(P) == sizeof(Packet)) return _mm512_loadu_ps(p);
  else return _mm256_loadu_ps(p);
}
template <class P>
[[gnu::always_inline]] inline P pload(const float* p) {
  return _mm512_load_ps(p);
}
template <class P>
[[gnu::always_inline]] inline P pset1(float x) {
  if constexpr (sizeof(P) == sizeof(Packet)) return _mm512_set1_ps(x);
  else return _mm256_set1_ps(x);
}
[[gnu::always_inline]] inline void pstoreu(float* p, Packet v) { _mm512_storeu_ps(p, v); }
[[gnu::always_inline]] inline Packet padd(Packet a, Packet b) { return _mm512_add_ps(a, b); }
[[gnu::always_inline]] inline Packet psub(Packet a, Packet b) { return _mm512_sub_ps(a, b); }
[[gnu::always_inline]] inline Packet pmul(Packet a, Packet b) { return _mm512_mul_ps(a, b); }
[[gnu::always_inline]] inline Packet pdiv(Packet a, Packet b) { return _mm512_div_ps(a, b); }
[[gnu::always_inline]] inline Packet pmadd(Packet a, Packet b, Packet c) { return _mm512_fmadd_ps(a, b, c); }
// The instructions give their second operand when one is NaN: the first one stays.
[[gnu::always_inline]] inline Packet pmin(Packet a, Packet b) { return _mm512_maskz_min_ps(every, b, a); }
[[gnu::always_inline]] inline Packet pmax(Packet a, Packet b) { return _mm512_maskz_max_ps(every, b, a); }
[[gnu::always_inline]] inline __mmask16 pcmp_le(Packet a, Packet b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
[[gnu::always_inline]] inline Packet pselect(__mmask16 mask, Packet a, Packet b) {
  return _mm512_mask_blend_ps(mask, b, a);
}
[[gnu::always_inline]] inline Packet pnegate(Packet v) {
  return _mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(v), _mm512_set1_epi32(static_cast<int>(0x80000000u))));
}

[[gnu::always_inline]] inline __m256 lower_half(Packet v) { return _mm512_castps512_ps256(v); }
[[gnu::always_inline]] inline __m256 higher_half(Packet v) {
  return _mm512_maskz_extractf32x8_ps(0xff, v, 1);
}
[[gnu::always_inline]] inline float predux(Packet v) {
  return avx2::ei::predux(avx2::ei::padd(lower_half(v), higher_half(v)));
}
[[gnu::always_inline]] inline float predux_max(Packet v) {
  return avx2::ei::predux_max(avx2::ei::pmax(lower_half(v), higher_half(v)));
}

[[gnu::always_inline]] inline Packet low_pairs(Packet a, Packet b) {
  return _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
}
[[gnu::always_inline]] inline Packet high_pairs(Packet a, Packet b) {
  return _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
}
/// Quarters 0 and 2 of a, then of b; and quarters 1 and 3.
[[gnu::always_inline]] inline Packet even_quarters(Packet a, Packet b) {
  return _mm512_maskz_shuffle_f32x4(every, a, b, 0x88);
}
[[gnu::always_inline]] inline Packet odd_quarters(Packet a, Packet b) {
  return _mm512_maskz_shuffle_f32x4(every, a, b, 0xdd);
}
[[gnu::always_inline]] inline void ptranspose(PacketBlock<Packet, 16>& block) {
  Packet pair[16], four[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_maskz_unpacklo_ps(every, block.packet[i], block.packet[i + 1]);
    pair[i + 1] = _mm512_maskz_unpackhi_ps(every, block.packet[i], block.packet[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    four[i] = low_pairs(pair[i], pair[i + 2]);
    four[i + 1] = high_pairs(pair[i], pair[i + 2]);
    four[i + 2] = low_pairs(pair[i + 1], pair[i + 3]);
    four[i + 3] = high_pairs(pair[i + 1], pair[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const Packet even = even_quarters(four[i], four[i + 4]), even2 = even_quarters(four[i + 8], four[i + 12]);
    const Packet odd = odd_quarters(four[i], four[i + 4]), odd2 = odd_quarters(four[i + 8], four[i + 12]);
    block.packet[i] = even_quarters(even, even2);
    block.packet[i + 4] = even_quarters(odd, odd2);
    block.packet[i + 8] = odd_quarters(even, even2);
    block.packet[i + 12] = odd_quarters(odd, odd2);
  }
}

}  // namespace ei

[[gnu::always_inline]] inline Packet in_register(Packet v) {
  __asm__("" : "+v"(v));
  return v;
}

struct PacketBits {
  template <int N>
  [[gnu::always_inline]] static Packet shift_left(Packet v) {
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(ei::every, _mm512_castps_si512(v), N));
  }
  [[gnu::always_inline]] static Packet upper_half(Packet v) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
};

using ShortPacket = __m256;
inline constexpr int short_lanes = 8;

/// Sixteen 16-bit elements at any address.
[[gnu::always_inline]] inline __m256i load_halves(const std::byte* p) {
  const void* words = p;
  return _mm256_loadu_si256(static_cast<const __m256i*>(words));
}
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) {
  return PacketBits::shift_left<16>(
      _mm512_castsi512_ps(_mm512_maskz_cvtepu16_epi32(ei::every, load_halves(p))));
}
[[gnu::always_inline]] inline Packet load_f16(const std::byte* p) {
  return _mm512_maskz_cvtph_ps(ei::every, load_halves(p));
}

/// Pairs of f16: the first of each, and the second.
[[gnu::always_inline]] inline Packet first_f16(Packet pairs) {
  return _mm512_maskz_cvtph_ps(ei::every, _mm512_maskz_cvtepi32_epi16(ei::every, _mm512_castps_si512(pairs)));
}
[[gnu::always_inline]] inline Packet second_f16(Packet pairs) {
  return _mm512_maskz_cvtph_ps(
      ei::every, _mm512_maskz_cvtepi32_epi16(
                     ei::every, _mm512_maskz_srli_epi32(ei::every, _mm512_castps_si512(pairs), 16)));
}

#include "proxyv/eigen/level/all.inl"

}  // namespace avx512
}  // namespace detail
}  // namespace proxyv::inline v0

PROXYV_TARGET_END
#pragma GCC diagnostic pop

#endif  // PROXYV_CPU_DISPATCH
