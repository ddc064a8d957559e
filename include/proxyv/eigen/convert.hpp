// Loading weights of any element type as packets of floats.
#pragma once

#include "proxyv/core/dtype.hpp"
#include "proxyv/eigen/packet.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// One element at any address.
template <class T>
inline float element_at(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return to_float(value);
}

inline void zero_bytes(std::byte* p, index_t bytes) { std::memset(p, 0, static_cast<std::size_t>(bytes)); }
inline void copy_bytes(std::byte* to, const std::byte* from, int bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

/// `lanes` consecutive elements, one by one.
template <class T>
[[gnu::always_inline]] inline Packet load_elements(const std::byte* p) {
  alignas(64) float lane[lanes];
  for (int i = 0; i < lanes; ++i) lane[i] = element_at<T>(p + i * static_cast<int>(sizeof(T)));
  return load(lane);
}

// 16-bit elements: straight into the upper halves, and by the converter where the CPU has one.
#if defined(__AVX512F__) && !defined(EIGEN_DONT_VECTORIZE)
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) {
  const void* words = p;
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(words))), 16));
}
[[gnu::always_inline]] inline Packet load_f16(const std::byte* p) {
  const void* words = p;
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(words)));
}
#elif defined(__AVX2__) && !defined(EIGEN_DONT_VECTORIZE)
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) {
  const void* words = p;
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(words))), 16));
}
#elif defined(__SSE2__) && !defined(__AVX__) && !defined(EIGEN_DONT_VECTORIZE)
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) {
  const void* words = p;
  return _mm_castsi128_ps(
      _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64(static_cast<const __m128i*>(words))));
}
#else
[[gnu::always_inline]] inline Packet load_bf16(const std::byte* p) { return load_elements<bf16>(p); }
#endif
#if defined(__F16C__) && !defined(__AVX512F__) && !defined(EIGEN_DONT_VECTORIZE)
[[gnu::always_inline]] inline Packet load_f16(const std::byte* p) {
  const void* words = p;
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(words)));
}
#elif !defined(__AVX512F__) || defined(EIGEN_DONT_VECTORIZE)
[[gnu::always_inline]] inline Packet load_f16(const std::byte* p) { return load_elements<f16>(p); }
#endif

/// Pairs of f16: the first of each, and the second.
inline Packet every_other_f16(Packet pairs, int which) {
  std::byte bytes[sizeof pairs];
  std::memcpy(bytes, &pairs, sizeof pairs);
  alignas(64) float lane[lanes];
  for (int i = 0; i < lanes; ++i) lane[i] = element_at<f16>(bytes + 4 * i + 2 * which);
  return load(lane);
}
inline Packet first_f16(Packet pairs) { return every_other_f16(pairs, 0); }
inline Packet second_f16(Packet pairs) { return every_other_f16(pairs, 1); }

#include "proxyv/eigen/level/convert.inl"

}  // namespace detail
}  // namespace proxyv::inline v0
