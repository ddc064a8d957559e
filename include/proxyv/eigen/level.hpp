// Which level of instructions an engine uses: what the CPU has, or what the program or its user asks for.
#pragma once

#include <cstdlib>
#include <string_view>

#include "proxyv/core/error.hpp"
#include "proxyv/eigen/ops.hpp"

namespace proxyv::inline v0 {

/// How an engine multiplies with bf16 weights, and in a prompt's attention.
enum class Precision : std::uint8_t {
  f32,            ///< weights widened, products and sums of floats
  bf16_products,  ///< products of more than one row: x rounded to bf16 as well, sums of floats; attention of
                  ///< more than 12 rows (queries x heads of a group): queries, keys, values and weights
                  ///< rounded, softmax and sums of floats; from level avx512bf16 on
};

/// Whether this CPU, under this system, can run the level and the program has kernels for it.
inline bool cpu_has(CpuLevel level) { return detail::Ops::has(level); }

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

}  // namespace proxyv::inline v0

#if !defined(PROXYV_CPU_KERNELS_APART)
#include "proxyv/eigen/levels.hpp"
#endif
