// The levels' kernels by name, and whether this CPU can run them.
#pragma once

#include "proxyv/core/error.hpp"
#include "proxyv/eigen/avx512bf16.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/portable.hpp"

namespace proxyv::inline v0 {
namespace detail {

template <class DefinedIn>
bool CpuOps<DefinedIn>::has(CpuLevel level) {
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

template <class DefinedIn>
const CpuKernels& CpuOps<DefinedIn>::kernels(CpuLevel level) {
  PROXYV_CHECK(has(level), ArgumentError, "engine: this CPU or this program lacks ", cpu_level_name(level));
#if PROXYV_CPU_DISPATCH
  if (level == CpuLevel::avx512bf16) return avx512bf16::kernels;
  if (level == CpuLevel::avx512) return avx512::kernels;
  if (level == CpuLevel::avx2) return avx2::kernels;
#endif
  return portable::kernels;
}

}  // namespace detail
}  // namespace proxyv::inline v0
