// The Hopper instructions attention uses: mbarriers, bulk tensor copies, wgmma with descriptors, register
// shares.
//
// wgmma and setmaxnreg exist on sm_90a only; elsewhere these bodies are empty and nothing calls them.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <type_traits>

#include "proxyv/cuda/kernels/attention_ptx.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define PROXYV_ATTENTION_SM90A 1
#endif

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

// ---- mbarriers ----

__device__ inline void barrier_init(std::uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ inline void barrier_init_done() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ inline void barrier_arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ inline void barrier_expect(std::uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ inline void barrier_wait(std::uint32_t barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}\n" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

/// Stage and parity of a ring of N stages, as one side walks it.
template <int N>
struct RingPlace {
  int stage = 0, parity = 0;
  __device__ void next() {
    if (++stage == N) stage = 0, parity ^= 1;
  }
};

// ---- bulk tensor copies ----

__device__ inline void load_box(std::uint32_t to, const CUtensorMap& map, int column, int row,
                                std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
      "[%4];" ::"r"(to),
      "l"(&map), "r"(column), "r"(row), "r"(barrier)
      : "memory");
}
__device__ inline void prefetch_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// ---- wgmma ----

/// Operand in shared memory as boxes of 128-byte rows, 128-byte swizzle; `box_bytes` from one box to the
/// next. Rows of a box are the operand's outer dimension when K runs along the row, and K itself when it is
/// transposed.
__device__ inline std::uint64_t operand(std::uint32_t address, int box_bytes) {
  return (std::uint64_t{1} << 62) | (std::uint64_t{1024 >> 4} << 32) |
         (static_cast<std::uint64_t>(box_bytes >> 4) << 16) | (std::uint64_t{address & 0x3ffff} >> 4);
}

__device__ inline void wgmma_fence() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
__device__ inline void wgmma_commit() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
template <int Pending>
__device__ inline void wgmma_wait() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
#endif
}
/// Keeps the compiler from moving uses of registers that a wgmma writes or reads.
template <class R, int N>
__device__ inline void keep_order(R (&r)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if constexpr (std::is_same_v<R, float>) asm volatile("" : "+f"(r[i])::"memory");
    else asm volatile("" : "+r"(r[i])::"memory");
  }
}

#define PROXYV_F4(c, i) "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3])
#define PROXYV_F16(c, i) PROXYV_F4(c, i), PROXYV_F4(c, i + 4), PROXYV_F4(c, i + 8), PROXYV_F4(c, i + 12)
#define PROXYV_R32                                                                                     \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26," \
  "%27,%28,%29,%30,%31"
#define PROXYV_R48 PROXYV_R32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define PROXYV_R64 PROXYV_R48 ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"

/// c (+)= a b: 64 x 128 x 16, both operands in shared memory with K along the rows.
#define PROXYV_WGMMA_SHARED(type)                                                  \
  asm volatile(                                                                    \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"                                 \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" PROXYV_R64 \
      "}, %64, %65, p, 1, 1, 0, 0;\n}\n"                                           \
      : PROXYV_F16(c, 0), PROXYV_F16(c, 16), PROXYV_F16(c, 32), PROXYV_F16(c, 48)  \
      : "l"(a), "l"(b), "r"(accumulate))

template <class T>
__device__ inline void wgmma_shared(float (&c)[64], std::uint64_t a, std::uint64_t b, int accumulate) {
#ifdef PROXYV_ATTENTION_SM90A
  if constexpr (std::is_same_v<T, bf16>) PROXYV_WGMMA_SHARED("bf16");
  else PROXYV_WGMMA_SHARED("f16");
#endif
}

/// c (+)= a b: 64 x N x 16, a in registers; b in shared memory with K along the rows, or N (`turned`).
#define PROXYV_WGMMA_REGISTERS(n, type, turned, list, a0, a1, a2, a3, d, more, ...)                      \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " more                                                  \
               ", 0;\n"                                                                                  \
               "wgmma.mma_async.sync.aligned.m64n" n "k16.f32." type "." type " {" list "}, {" a0 "," a1 \
               "," a2 "," a3 "}, " d ", p, 1, 1, " turned ";\n}\n"                                       \
               : __VA_ARGS__                                                                             \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate))
#define PROXYV_WGMMA_N(type, turned)                                                                  \
  if constexpr (N == 64)                                                                              \
    PROXYV_WGMMA_REGISTERS("64", type, turned, PROXYV_R32, "%32", "%33", "%34", "%35", "%36", "%37",  \
                           PROXYV_F16(c, 0), PROXYV_F16(c, 16));                                      \
  else if constexpr (N == 96)                                                                         \
    PROXYV_WGMMA_REGISTERS("96", type, turned, PROXYV_R48, "%48", "%49", "%50", "%51", "%52", "%53",  \
                           PROXYV_F16(c, 0), PROXYV_F16(c, 16), PROXYV_F16(c, 32));                   \
  else                                                                                                \
    PROXYV_WGMMA_REGISTERS("128", type, turned, PROXYV_R64, "%64", "%65", "%66", "%67", "%68", "%69", \
                           PROXYV_F16(c, 0), PROXYV_F16(c, 16), PROXYV_F16(c, 32), PROXYV_F16(c, 48))

template <class T, int N, bool Turned>
__device__ inline void wgmma_registers(float (&c)[N / 2], const std::uint32_t* a, std::uint64_t b,
                                       int accumulate) {
#ifdef PROXYV_ATTENTION_SM90A
  if constexpr (std::is_same_v<T, bf16> && Turned) {
    PROXYV_WGMMA_N("bf16", "1");
  } else if constexpr (std::is_same_v<T, bf16>) {
    PROXYV_WGMMA_N("bf16", "0");
  } else if constexpr (Turned) {
    PROXYV_WGMMA_N("f16", "1");
  } else {
    PROXYV_WGMMA_N("f16", "0");
  }
#endif
}

#undef PROXYV_WGMMA_N
#undef PROXYV_WGMMA_REGISTERS
#undef PROXYV_WGMMA_SHARED
#undef PROXYV_R64
#undef PROXYV_R48
#undef PROXYV_R32
#undef PROXYV_F16
#undef PROXYV_F4

// ---- register shares, named barriers, proxies ----

/// Ordinary stores of this thread to shared memory are seen by wgmma and bulk copies after the next barrier.
__device__ inline void fence_for_wgmma() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

template <int Count>
__device__ inline void give_registers() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}
template <int Count>
__device__ inline void take_registers() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}
__device__ inline void turn_wait(int barrier) { asm volatile("bar.sync %0, 256;" ::"r"(barrier) : "memory"); }
__device__ inline void turn_pass(int barrier) {
  asm volatile("bar.arrive %0, 256;" ::"r"(barrier) : "memory");
}

// ---- a cluster's blocks reading each other's shared memory ----

/// All threads of all blocks; what was written before is seen after.
__device__ inline void cluster_barrier() {
#ifdef PROXYV_ATTENTION_SM90A
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}
/// Where block `rank` of the cluster has what this block has at `mine`.
__device__ inline const float* in_block(const float* mine, int rank) {
#ifdef PROXYV_ATTENTION_SM90A
  const float* theirs;
  asm volatile("mapa.u64 %0, %1, %2;" : "=l"(theirs) : "l"(mine), "r"(rank));
  return theirs;
#else
  return mine;
#endif
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
