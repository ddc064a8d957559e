// The kernels for CPUs with AVX2, FMA and F16C, whatever the program is compiled for.
#pragma once

#include "proxyv/eigen/dispatch.hpp"

#if PROXYV_CPU_DISPATCH

#include "proxyv/eigen/portable.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // vectors as template arguments
PROXYV_TARGET_BEGIN_AVX2

namespace proxyv::inline v0 {
namespace detail {
namespace avx2 {

using Packet = __m256;
inline constexpr int lanes = 8;

/// The names that kernels use, as Eigen has them.
namespace ei {

template <class P>
[[gnu::always_inline]] inline P ploadu(const float* p) {
  return _mm256_loadu_ps(p);
}
template <class P>
[[gnu::always_inline]] inline P pload(const float* p) {
  return _mm256_load_ps(p);
}
template <class P>
[[gnu::always_inline]] inline P pset1(float x) {
  return _mm256_set1_ps(x);
}
[[gnu::always_inline]] inline void pstoreu(float* p, Packet v) { _mm256_storeu_ps(p, v); }
[[gnu::always_inline]] inline Packet padd(Packet a, Packet b) { return _mm256_add_ps(a, b); }
[[gnu::always_inline]] inline Packet psub(Packet a, Packet b) { return _mm256_sub_ps(a, b); }
[[gnu::always_inline]] inline Packet pmul(Packet a, Packet b) { return _mm256_mul_ps(a, b); }
[[gnu::always_inline]] inline Packet pdiv(Packet a, Packet b) { return _mm256_div_ps(a, b); }
[[gnu::always_inline]] inline Packet pmadd(Packet a, Packet b, Packet c) { return _mm256_fmadd_ps(a, b, c); }
// The instructions give their second operand when one is NaN: the first one stays.
[[gnu::always_inline]] inline Packet pmin(Packet a, Packet b) { return _mm256_min_ps(b, a); }
[[gnu::always_inline]] inline Packet pmax(Packet a, Packet b) { return _mm256_max_ps(b, a); }
[[gnu::always_inline]] inline Packet pcmp_le(Packet a, Packet b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
[[gnu::always_inline]] inline Packet pselect(Packet mask, Packet a, Packet b) {
  return _mm256_blendv_ps(b, a, mask);
}
[[gnu::always_inline]] inline Packet pnegate(Packet v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.f)); }

[[gnu::always_inline]] inline float predux(Packet v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
[[gnu::always_inline]] inline float predux_max(Packet v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

template <class P, int N>
struct PacketBlock {
  P packet[N];
};
[[gnu::always_inline]] inline void ptranspose(PacketBlock<Packet, 8>& block) {
  Packet pair[8], four[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(block.packet[i], block.packet[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(block.packet[i], block.packet[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    four[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    four[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
    four[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    four[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    block.packet[i] = _mm256_permute2f128_ps(four[i], four[i + 4], 0x20);
    block.packet[i + 4] = _mm256_permute2f128_ps(four[i], four[i + 4], 0x31);
  }
}

}  // namespace ei

[[gnu::always_inline]] inline Packet in_register(Packet v) {
  __asm__("" : "+x"(v));
  return v;
}

struct PacketBits {
  template <int N>
  [[gnu::always_inline]] static Packet shift_left(Packet v) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), N));
  }
  [[gnu::always_inline]] static Packet upper_half(Packet v) {
    return _mm256_castsi256_ps(
        _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
};

using ShortPacket = Packet;
inline constexpr int short_lanes = 8;

/// Eight 16-bit elements at any address.
[[gnu::always_inline]] inline __m128i load_halves(const std::byte* p) {
  const void* words = p;
  return _mm_loadu_si128(static_cast<const __m128i*>(words));
}
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(p)), 16));
}
[[gnu::always_inline]] inline Packet load_f16(const std::byte* p) { return _mm256_cvtph_ps(load_halves(p)); }

/// Pairs of f16: the first of each, and the second.
[[gnu::always_inline]] inline Packet halves_to_floats(__m256i low_words) {
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(low_words, low_words), 0x08);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
}
[[gnu::always_inline]] inline Packet first_f16(Packet pairs) {
  return halves_to_floats(_mm256_and_si256(_mm256_castps_si256(pairs), _mm256_set1_epi32(0xffff)));
}
[[gnu::always_inline]] inline Packet second_f16(Packet pairs) {
  return halves_to_floats(_mm256_srli_epi32(_mm256_castps_si256(pairs), 16));
}

#include "proxyv/eigen/level/all.inl"

}  // namespace avx2
}  // namespace detail
}  // namespace proxyv::inline v0

PROXYV_TARGET_END
#pragma GCC diagnostic pop

#endif  // PROXYV_CPU_DISPATCH
