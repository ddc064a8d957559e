// What this machine can do at most, right now: multiply-adds, bf16 dot products, reading memory. A burst of a
// few milliseconds beside each repetition of a benchmark gives a share that holds although the machine's
// speed moves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PROXYV_BENCH_X86 1
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace proxyv::bench {

enum class Ceiling {
  fma,   ///< f32 multiply-adds in registers, FLOP/s
  dot,   ///< products of bf16 pairs with sums in f32, FLOP/s; where the CPU has none: 0
  read,  ///< memory far beyond the caches read in order, bytes/s
};

inline constexpr const char* ceiling_name(Ceiling c) {
  constexpr const char* names[] = {"fma", "bf16 dot", "read"};
  return names[static_cast<int>(c)];
}

namespace detail {

/// Keeps the compiler from knowing what a sum was for.
inline void keep(float value) { [[maybe_unused]] volatile float sink = value; }

#if defined(PROXYV_BENCH_X86)

// The compiler shall not see that the chains compute the same.
#define PROXYV_BENCH_HIDE(vector) asm volatile("" : "+x"(vector))

// Twelve chains: more than latency times rate of any x86 CPU with FMA, fewer than there are registers.
inline constexpr int chains = 12;

__attribute__((target("avx2,fma"))) inline double fma_avx2(std::int64_t steps) {
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.f);
  __m256 sums[chains];
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) {
    sums[i] = b;
    PROXYV_BENCH_HIDE(sums[i]);
  }
  for (std::int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
#pragma GCC unroll 12
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  keep(_mm256_cvtss_f32(sums[0]));
  return 2.0 * 8 * chains * static_cast<double>(steps);
}

__attribute__((target("avx512f"))) inline double fma_avx512(std::int64_t steps) {
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.f);
  __m512 sums[chains];
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) {
    sums[i] = b;
    PROXYV_BENCH_HIDE(sums[i]);
  }
  for (std::int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
#pragma GCC unroll 12
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  keep(_mm512_cvtss_f32(sums[0]));
  return 2.0 * 16 * chains * static_cast<double>(steps);
}

__attribute__((target("avx512f,avx512bf16"))) inline double dot_avx512(std::int64_t steps) {
  const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f003f00), b = (__m512bh)_mm512_set1_epi32(0x3e803e80);
  __m512 sums[chains];
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) {
    sums[i] = _mm512_setzero_ps();
    PROXYV_BENCH_HIDE(sums[i]);
  }
  for (std::int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
  }
#pragma GCC unroll 12
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  keep(_mm512_cvtss_f32(sums[0]));
  return 2.0 * 32 * chains * static_cast<double>(steps);
}

inline bool has_dot() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16"); }

inline double fma_steps(std::int64_t steps) {
  if (__builtin_cpu_supports("avx512f")) return fma_avx512(steps);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return fma_avx2(steps * 2);
  float sums[chains] = {};  // what the program is compiled for
  for (std::int64_t s = 0; s < steps; ++s)
    for (float& sum : sums) sum = sum * 0.5f + 1.f;
  for (int i = 1; i < chains; ++i) sums[0] += sums[i];
  keep(sums[0]);
  return 2.0 * chains * static_cast<double>(steps);
}
inline double dot_steps(std::int64_t steps) { return has_dot() ? dot_avx512(steps) : 0.0; }

#else

inline bool has_dot() { return false; }
inline double dot_steps(std::int64_t) { return 0.0; }
inline double fma_steps(std::int64_t steps) {
  float sums[64] = {};
  for (std::int64_t s = 0; s < steps; ++s)
    for (float& sum : sums) sum = sum * 0.5f + 1.f;
  for (int i = 1; i < 64; ++i) sums[0] += sums[i];
  keep(sums[0]);
  return 2.0 * 64 * static_cast<double>(steps);
}

#endif

/// Reads `bytes`, a multiple of 1024, and returns how many.
inline double read_bytes(const std::byte* from, std::size_t bytes) {
  typedef std::uint64_t Lane __attribute__((vector_size(64)));
  Lane sums[4] = {};
  for (std::size_t i = 0; i < bytes; i += 256) {
    Lane parts[4];
    std::memcpy(parts, from + i, sizeof parts);
    for (int j = 0; j < 4; ++j) sums[j] ^= parts[j];
  }
  for (int j = 1; j < 4; ++j) sums[0] ^= sums[j];
  keep(static_cast<float>(sums[0][0]));
  return static_cast<double>(bytes);
}

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};

}  // namespace detail

/// Measures ceilings in bursts of about 3 ms. One for the program: it keeps 256 MiB to read, on 2 MiB pages
/// where the system gives them.
class Ceilings {
 public:
  Ceilings() {
    constexpr std::size_t page = std::size_t{2} << 20;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(page, bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory_.get(), bytes, MADV_HUGEPAGE);  // advice: nothing depends on it
#endif
    std::memset(memory_.get(), 1, bytes);
    for (Ceiling c : {Ceiling::fma, Ceiling::dot}) {
      double seconds = 0.0;
      while (has(c) && (seconds = once(c, 1).seconds) < 1e-3) steps_[static_cast<int>(c)] *= 2;
    }
  }

  bool has(Ceiling c) const { return c != Ceiling::dot || detail::has_dot(); }

  /// FLOP/s or bytes/s that so many threads reach right now: the better of two bursts. 0 where the CPU has no
  /// such instruction.
  double burst(Ceiling c, int threads) {
    if (!has(c)) return 0.0;
    const double first = once(c, threads).rate(), second = once(c, threads).rate();
    return first > second ? first : second;
  }

 private:
  static constexpr std::size_t bytes = std::size_t{256} << 20;
  static constexpr std::size_t burst_bytes = std::size_t{32} << 20;

  struct Done {
    double amount, seconds;
    double rate() const { return amount / seconds; }
  };

  Done once(Ceiling c, int threads) {
    const std::size_t each = burst_bytes / static_cast<std::size_t>(threads) / 1024 * 1024;
    const std::byte* from = memory_.get() + at_;
    if (c == Ceiling::read) at_ = at_ + 2 * burst_bytes <= bytes ? at_ + burst_bytes : 0;
    const std::int64_t steps = steps_[static_cast<int>(c)];
    const auto work = [&](int thread) {
      if (c == Ceiling::read) return detail::read_bytes(from + each * static_cast<std::size_t>(thread), each);
      return c == Ceiling::fma ? detail::fma_steps(steps) : detail::dot_steps(steps);
    };
    double amount = 0.0;
    const auto begin = std::chrono::steady_clock::now();
#if defined(_OPENMP)
    if (threads > 1) {
#pragma omp parallel num_threads(threads) reduction(+ : amount)
      amount += work(omp_get_thread_num());
    } else
#endif
      amount = work(0);
    return {amount, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  }

  std::unique_ptr<std::byte[], detail::Free> memory_;
  std::size_t at_ = 0;
  std::int64_t steps_[3] = {1 << 14, 1 << 14, 0};  ///< of each ceiling; reading goes by bytes
};

}  // namespace proxyv::bench
