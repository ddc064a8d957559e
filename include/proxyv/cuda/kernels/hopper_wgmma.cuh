// Hopper's warpgroup product: d[64, N] += a[64, 16] b[N, 16]^T, both operands in shared memory, float sums
// in registers. Four warps issue it together; it runs on behind them until wgmma_wait.
//
// Who holds what: warp w of the four has rows 16 w to 16 w + 15; lane l has, of every group of 8 columns g,
// d[4 g + 0, 1] = row l / 4, columns 8 g + 2 (l % 4) and the next, and d[4 g + 2, 3] = the same 8 rows below.
// Operands lie K-major in rows of 128 bytes with the copy engine's 128-byte swizzle, at 1024-byte boundaries.
#pragma once

#include <type_traits>

#include "proxyv/core/dtype.hpp"
#include "proxyv/cuda/kernels/hopper_pipeline.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

/// Describes rows of 128 bytes in the swizzle above; groups of 8 rows are 1024 bytes apart.
/// Step along K inside the 128 bytes by adding bytes / 16.
__device__ inline std::uint64_t operand(Shared address) {
  constexpr std::uint64_t layout = (std::uint64_t{1} << 62)     // 128-byte swizzle
                                   | (std::uint64_t{64} << 32)  // 1024 bytes to the next 8 rows
                                   | (std::uint64_t{1} << 16);  // unused in swizzled layouts
  return layout | ((address & 0x3FFFF) >> 4);
}

/// Before the first product, and after registers of d were touched by anything else.
__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Waits until at most `pending` committed groups still run.
template <int pending>
__device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

// clang-format off
#define PROXYV_ACC4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define PROXYV_ACC16(i) PROXYV_ACC4(i), PROXYV_ACC4(i + 4), PROXYV_ACC4(i + 8), PROXYV_ACC4(i + 12)
#define PROXYV_WGMMA_256(TYPE)                                                                               \
  asm volatile(                                                                                              \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"                                                          \
      "wgmma.mma_async.sync.aligned.m64n256k16.f32." TYPE "." TYPE " {"                                      \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                               \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                     \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                     \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "                     \
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                     \
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                     \
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "         \
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "    \
      "%128, %129, p, 1, 1, 0, 0;\n}"                                                                        \
      : PROXYV_ACC16(0), PROXYV_ACC16(16), PROXYV_ACC16(32), PROXYV_ACC16(48),                               \
        PROXYV_ACC16(64), PROXYV_ACC16(80), PROXYV_ACC16(96), PROXYV_ACC16(112)                              \
      : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)))
#define PROXYV_WGMMA_128(TYPE)                                                                               \
  asm volatile(                                                                                              \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"                                                           \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." TYPE "." TYPE " {"                                      \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                               \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                     \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                     \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "                    \
      "%64, %65, p, 1, 1, 0, 0;\n}"                                                                          \
      : PROXYV_ACC16(0), PROXYV_ACC16(16), PROXYV_ACC16(32), PROXYV_ACC16(48)                                \
      : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)))
// clang-format on

/// One step of 16 along K; `accumulate` false starts from zero.
template <class T>
__device__ inline void wgmma(float (&d)[128], std::uint64_t a, std::uint64_t b, bool accumulate) {
  if constexpr (std::is_same_v<T, bf16>) {
    PROXYV_WGMMA_256("bf16");
  } else {
    PROXYV_WGMMA_256("f16");
  }
}
template <class T>
__device__ inline void wgmma(float (&d)[64], std::uint64_t a, std::uint64_t b, bool accumulate) {
  if constexpr (std::is_same_v<T, bf16>) {
    PROXYV_WGMMA_128("bf16");
  } else {
    PROXYV_WGMMA_128("f16");
  }
}

#undef PROXYV_WGMMA_128
#undef PROXYV_WGMMA_256
#undef PROXYV_ACC16
#undef PROXYV_ACC4

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
