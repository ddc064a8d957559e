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

/// `lanes` consecutive elements at any address.
template <class T>
[[gnu::always_inline]] inline Packet load_as_float(const std::byte* p) {
  alignas(64) float lane[lanes];
  for (int i = 0; i < lanes; ++i) lane[i] = element_at<T>(p + i * static_cast<int>(sizeof(T)));
  return load(lane);
}

/// `lanes` 32-bit words at any address, whatever they hold.
[[gnu::always_inline]] inline Packet load_words(const std::byte* p) {
  Packet v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <>
[[gnu::always_inline]] inline Packet load_as_float<float>(const std::byte* p) {
  return load_words(p);
}

/// The first n <= lanes elements; the other lanes are 0.
template <class T>
[[gnu::noinline]] Packet load_part_as_float(const std::byte* p, index_t n) {
  alignas(64) float lane[lanes] = {};
  for (index_t i = 0; i < n; ++i) lane[i] = element_at<T>(p + i * static_cast<index_t>(sizeof(T)));
  return load(lane);
}

// 16-bit elements: straight into the upper halves, and by the converter where the CPU has one.
#if defined(__AVX512F__) && !defined(EIGEN_DONT_VECTORIZE)
template <>
[[gnu::always_inline]] inline Packet load_as_float<bf16>(const std::byte* p) {
  const void* words = p;
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(words))), 16));
}
template <>
[[gnu::always_inline]] inline Packet load_as_float<f16>(const std::byte* p) {
  const void* words = p;
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(words)));
}
#elif defined(__AVX2__) && !defined(EIGEN_DONT_VECTORIZE)
template <>
[[gnu::always_inline]] inline Packet load_as_float<bf16>(const std::byte* p) {
  const void* words = p;
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(words))), 16));
}
#elif defined(__SSE2__) && !defined(__AVX__) && !defined(EIGEN_DONT_VECTORIZE)
template <>
[[gnu::always_inline]] inline Packet load_as_float<bf16>(const std::byte* p) {
  const void* words = p;
  return _mm_castsi128_ps(
      _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64(static_cast<const __m128i*>(words))));
}
#endif
#if defined(__F16C__) && !defined(__AVX512F__) && !defined(EIGEN_DONT_VECTORIZE)
template <>
[[gnu::always_inline]] inline Packet load_as_float<f16>(const std::byte* p) {
  const void* words = p;
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(words)));
}
#endif

template <class T>
[[gnu::always_inline]] inline Packet load_as_float(const std::byte* p,
                                                   std::integral_constant<index_t, lanes>) {
  return load_as_float<T>(p);
}
template <class T>
inline Packet load_as_float(const std::byte* p, index_t n) {
  return load_part_as_float<T>(p, n);
}

}  // namespace detail
}  // namespace proxyv::inline v0
