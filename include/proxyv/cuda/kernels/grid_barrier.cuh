// A barrier of all blocks of a grid, which must all be resident (a cooperative launch).
#pragma once

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Each block adds to the state, one of them so that the highest bit turns when all have come: nobody has
/// to reset it, and any number of launches follow each other. Begin with zero.
class GridBarrier {
 public:
  GridBarrier() = default;
  /// Reads the state: no other kernel may be using it.
  __device__ explicit GridBarrier(unsigned* state) : state_(state) {
    if (threadIdx.x == 0) before_ = load();
  }

  /// What the blocks wrote before is visible to all of them after.
  __device__ void wait() {
    __syncthreads();
    if (threadIdx.x == 0) {
      const unsigned add = blockIdx.x == 0 ? turn - (gridDim.x - 1) : 1u;
      __threadfence();
      asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(state_), "r"(add) : "memory");
      while (((before_ ^ load()) & turn) == 0) {
      }
      before_ ^= turn;
      __threadfence();
    }
    __syncthreads();
  }

 private:
  static constexpr unsigned turn = 0x80000000u;

  __device__ unsigned load() const {
    unsigned now;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(state_) : "memory");
    return now;
  }

  unsigned* state_ = nullptr;
  unsigned before_ = 0;
};

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
