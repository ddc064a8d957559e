// Hopper's machinery for tile pipelines, one thin function per instruction: memory barriers, the tensor
// memory accelerator (TMA), clusters, and registers moved between warpgroups.
//
// Addresses of shared memory are 32-bit, as the instructions want them. Only sm_90a code may call these.
// With PROXYV_SPIN_LIMIT defined, a barrier that is never completed traps instead of hanging the card: for
// tests only, since the loop costs the kernels a kilobyte of spilled registers.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

using Shared = std::uint32_t;  ///< an address in shared memory

/// Volatile, so that it is computed once and kept in a register.
__device__ inline Shared shared_address(const void* pointer) {
  Shared address;
  asm volatile("{\n.reg .u64 wide;\ncvta.to.shared.u64 wide, %1;\ncvt.u32.u64 %0, wide;\n}"
               : "=r"(address)
               : "l"(pointer));
  return address;
}

// Memory barriers.

__device__ inline void barrier_init(Shared barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/// After the inits and before anyone, in this cluster or in the copy engine, uses the barriers.
__device__ inline void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void barrier_arrive(Shared barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Arrives and announces `bytes` that the copy engine will deliver in this phase.
__device__ inline void barrier_expect(Shared barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

/// The same place in the shared memory of block `rank` of the cluster.
__device__ inline Shared peer_address(Shared local, int rank) {
  Shared peer;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(peer) : "r"(local), "r"(rank));
  return peer;
}

/// Arrives at a barrier of another block; `barrier` is a peer_address. Publishes no ordinary stores to that
/// block: a release at cluster scope is a fence of the whole card, too dear for every stage.
__device__ inline void barrier_arrive_peer(Shared barrier) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// The same, after which the other block sees what this thread stored (barrier_wait_published).
__device__ inline void barrier_publish_peer(Shared barrier) {
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

__device__ inline bool barrier_try(Shared barrier, unsigned phase) {
  unsigned done;
  asm volatile(
      "{\n.reg .pred p;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p;\n}"
      : "=r"(done)
      : "r"(barrier), "r"(phase)
      : "memory");
  return done != 0;
}

/// Waits until the phase of parity `phase` is complete.
__device__ inline void barrier_wait(Shared barrier, unsigned phase) {
#ifdef PROXYV_SPIN_LIMIT
  for (long spins = 0; !barrier_try(barrier, phase); ++spins)
    if (spins > PROXYV_SPIN_LIMIT) __trap();
#else
  while (!barrier_try(barrier, phase)) {
  }
#endif
}
/// The same, and sees what barrier_publish_peer published.
__device__ inline void barrier_wait_published(Shared barrier, unsigned phase) {
  barrier_wait(barrier, phase);
  asm volatile("fence.acq_rel.cluster;" ::: "memory");
}

/// A ring of stages: where we are, and the parity of this turn.
struct Ring {
  int stage = 0;
  unsigned phase = 0;
  template <int stages>
  __device__ void advance() {
    if (++stage == stages) stage = 0, phase ^= 1;
  }
};

// The copy engine. A box of a tensor map goes to shared memory and completes bytes on a barrier.

__device__ inline void copy_box(Shared to, const CUtensorMap* map, Shared barrier, int inner, int outer) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], "
      "[%2];" ::"r"(to),
      "l"(map), "r"(barrier), "r"(inner), "r"(outer)
      : "memory");
}

/// Into every block of the cluster whose bit is set in `blocks`, at the same place and barrier.
__device__ inline void copy_box_to(Shared to, const CUtensorMap* map, Shared barrier, int inner, int outer,
                                   std::uint16_t blocks) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
      " [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(inner), "r"(outer), "h"(blocks)
      : "memory");
}

/// A box back to memory; what lies outside the tensor is left out. Belongs to the next commit_stores.
__device__ inline void store_box(const CUtensorMap* map, Shared from, int inner, int outer) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
               "r"(from), "r"(inner), "r"(outer)
               : "memory");
}
__device__ inline void commit_stores() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Until shared memory of all but the last `pending` groups of this thread has been read.
template <int pending>
__device__ inline void wait_stores_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(pending) : "memory");
}
/// Until all stores of this thread are done.
__device__ inline void wait_stores() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

/// Between ordinary accesses to shared memory and the copy engine's, by each thread that made them.
__device__ inline void copy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Clusters.

__device__ inline int cluster_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/// Every thread of every block of the cluster.
__device__ inline void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}

__device__ inline void store_peer(Shared to, float4 value) {
  asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(to), "f"(value.x), "f"(value.y),
               "f"(value.z), "f"(value.w)
               : "memory");
}

// Threads of one block.

/// One thread of a converged warp. The compiler knows that it is one, and keeps to uniform registers.
__device__ inline bool elect_one() {
  unsigned elected;
  asm volatile(
      "{\n.reg .pred p;\n"
      "elect.sync _|p, 0xffffffff;\n"
      "selp.u32 %0, 1, 0, p;\n}"
      : "=r"(elected));
  return elected != 0;
}

/// Registers per thread of this warpgroup from here on.
template <int registers>
__device__ inline void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ inline void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
