// Which level of instructions an engine uses: what the CPU has, or what the program or its user asks for.
#pragma once

#include <cstdlib>
#include <string_view>

#include "proxyv/core/error.hpp"
#include "proxyv/eigen/avx512bf16.hpp"
#include "proxyv/eigen/portable.hpp"

namespace proxyv::inline v0 {

/// Levels of instructions the CPU engine has kernels for, each containing those before it.
enum class CpuLevel : std::uint8_t {
  portable,    ///< what the program is compiled for
  avx2,        ///< AVX2, FMA, F16C
  avx512,      ///< AVX-512 F, BW, DQ, VL
  avx512bf16,  ///< and dot products of bf16 pairs, which an engine uses when it is asked to (Precision)
};

/// How an engine multiplies with bf16 weights.
enum class Precision : std::uint8_t {
  f32,            ///< weights widened, products and sums of floats
  bf16_products,  ///< products of more than one row: x rounded to bf16 as well, sums of floats; from level
                  ///< avx512bf16 on
};

inline constexpr const char* cpu_level_name(CpuLevel level) {
  constexpr const char* names[] = {"portable", "avx2", "avx512", "avx512bf16"};
  return names[static_cast<int>(level)];
}

/// Whether this CPU, under this system, can run the level and the program has kernels for it.
inline bool cpu_has(CpuLevel level) {
#if PROXYV_CPU_DISPATCH
  // No CPU has AVX2 without F16C, which not every compiler can ask for.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == CpuLevel::avx2) return avx2;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (level == CpuLevel::avx512) return avx512;
  if (level == CpuLevel::avx512bf16) return avx512 && __builtin_cpu_supports("avx512bf16");
#endif
  return level == CpuLevel::portable;
}

/// The level of an engine that is told none: what the environment variable PROXYV_CPU names (portable, avx2,
/// avx512 or avx512bf16), or else the highest this CPU has.
inline CpuLevel default_cpu_level() {
  constexpr CpuLevel all[] = {CpuLevel::avx512bf16, CpuLevel::avx512, CpuLevel::avx2, CpuLevel::portable};
  const char* asked = std::getenv("PROXYV_CPU");
  const bool any = asked == nullptr || *asked == '\0';
  for (CpuLevel level : all) {
    if (any ? cpu_has(level) : std::string_view(asked) == cpu_level_name(level)) return level;
  }
  PROXYV_CHECK(any, ArgumentError, "PROXYV_CPU: \"", asked,
               "\", wanted portable, avx2, avx512 or avx512bf16");
  return CpuLevel::portable;
}

namespace detail {

inline const CpuKernels& kernels_of(CpuLevel level) {
  PROXYV_CHECK(cpu_has(level), ArgumentError, "engine: this CPU or this program lacks ",
               cpu_level_name(level));
#if PROXYV_CPU_DISPATCH
  if (level == CpuLevel::avx512bf16) return avx512bf16::kernels;
  if (level == CpuLevel::avx512) return avx512::kernels;
  if (level == CpuLevel::avx2) return avx2::kernels;
#endif
  return portable::kernels;
}

}  // namespace detail
}  // namespace proxyv::inline v0
