// Bulk copies into shared memory (sm_90 and newer): a thread starts one, a barrier in shared memory
// counts its bytes, many such copies may be in flight.
//
// Addresses and sizes are multiples of 16 bytes. A buffer that threads have read may be filled again by a
// thread that has met them at a barrier since.
#pragma once

#include <cstdint>

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Asks the L2 cache for the line at `address`; nothing is read.
__device__ inline void prefetch_line(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
namespace bulk {

__device__ inline std::uint32_t address_of(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

/// `full` completes once per expect(), when the bytes have come.
__device__ inline void open(std::uint64_t* full) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address_of(full)) : "memory");
}
/// After the last open(): copies may use the barriers.
__device__ inline void opened() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

__device__ inline void expect(std::uint64_t* full, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address_of(full)), "r"(bytes)
               : "memory");
}

/// With an L2 policy. (One that says evict_normal is slower than none on an H200.)
__device__ inline void copy(void* to, const void* from, int bytes, std::uint64_t* full,
                            std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, "
      "[%3], "
      "%4;" ::"r"(address_of(to)),
      "l"(from), "r"(bytes), "r"(address_of(full)), "l"(policy)
      : "memory");
}
/// For what is read once: the first to leave the L2 cache.
__device__ inline std::uint64_t read_once() {
  std::uint64_t policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
/// Until the phase of this parity is complete; the phases are 0, 1, 0, ...
__device__ inline void wait(std::uint64_t* full, std::uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra ready;\n"
      "bra again;\n"
      "ready:\n"
      "}\n" ::"r"(address_of(full)),
      "r"(parity)
      : "memory");
}

}  // namespace bulk
#endif

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
