// The block of hopper_products: its shared memory, its barriers, and the ring of stages all its parts share.
//
// A stage of the ring holds one of three things: a step of x and w along K (full once the copy engine brought
// it), an extra that a tile's finish needs (y of a beta, or the angles of rotary positions), or, where K is
// split, a share: partial sums that the other block of the cluster stores here. Every warp that multiplies
// takes every stage in turn and releases it to both blocks, because each may copy into the other's.
#pragma once

#include "proxyv/cuda/kernels/hopper_pipeline.cuh"
#include "proxyv/cuda/kernels/hopper_schedule.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

inline constexpr int piece_columns = 64;                           ///< of y: 128 bytes
inline constexpr int piece_bytes = half_rows * piece_columns * 2;  ///< a warpgroup's rows of a piece
inline constexpr int part_columns = 2 * piece_columns;             ///< of y, in one extra or share
inline constexpr int extra_bytes = tile_rows * part_columns * 2;
inline constexpr int angle_columns = 32;  ///< floats in 128 bytes

/// A kernel's compile-time form: the element and the tile's columns.
template <class Element, int columns_, int stages_>
struct Form {
  using T = Element;
  static constexpr int columns = columns_, stages = stages_;
  static constexpr int threads = 384;
  static constexpr int warps = 8;           ///< that multiply
  static constexpr int sums = columns / 2;  ///< per thread
  static constexpr int parts = columns / part_columns, pieces = columns / piece_columns;

  static constexpr int w_box_rows = columns / 2;
  static constexpr int x_bytes = tile_rows * tile_depth * 2, w_bytes = columns * tile_depth * 2;
  static constexpr int stage_bytes = x_bytes + w_bytes;
  static constexpr int slots_at = stages * stage_bytes;  ///< two pieces for each warpgroup, on their way to y
  static constexpr int sections_at = slots_at + 4 * piece_bytes;
  static constexpr int barriers_at = sections_at + max_sections * static_cast<int>(sizeof(Section));
  static constexpr int shared_bytes = barriers_at + (2 * stages + 2 * parts) * 8;
  static_assert(extra_bytes <= stage_bytes && half_rows * part_columns * 4 <= stage_bytes);
  static_assert(shared_bytes <= 232448, "more shared memory than an sm_90 block can have");
};

/// Where this block's things lie, and which items are its.
template <class F>
struct Block {
  Shared base;
  const Section* sections;  ///< in shared memory: the constant cache is slow where few threads ask
  int section_count, whole, items;
  int rank;         ///< in the cluster
  int first, step;  ///< items of this cluster

  __device__ Shared stage(int i) const { return base + i * F::stage_bytes; }
  __device__ Shared x(int i) const { return stage(i); }
  __device__ Shared w(int i) const { return stage(i) + F::x_bytes; }
  __device__ Shared slots(int group) const { return base + F::slots_at + group * 2 * piece_bytes; }

  /// Completed when a stage is filled; when every warp of the cluster released it; when the other block's
  /// stage is open for part `part` of our sums; when its sums for that part have arrived here.
  __device__ Shared full(int i) const { return base + F::barriers_at + 8 * i; }
  __device__ Shared empty(int i) const { return full(F::stages + i); }
  __device__ Shared open(int part) const { return full(2 * F::stages + part); }
  __device__ Shared shared_sums(int part) const { return full(2 * F::stages + F::parts + part); }

  __device__ int peer() const { return rank ^ 1; }
  __device__ Place place(int item) const { return place_of(sections, section_count, whole, item); }
};

template <class F>
__device__ inline Block<F> make_block(unsigned char* shared, const Work& work) {
  return {shared_address(shared),
          reinterpret_cast<const Section*>(shared + F::sections_at),
          work.section_count,
          work.whole,
          items_of(work.pairs, work.whole),
          cluster_rank(),
          static_cast<int>(blockIdx.x / cluster_blocks),
          static_cast<int>(gridDim.x / cluster_blocks)};
}

/// Sections and barriers, ready for both blocks of the cluster.
template <class F>
__device__ inline void set_up(const Block<F>& block, unsigned char* shared, const Work& work) {
  const int words = work.section_count * static_cast<int>(sizeof(Section) / 4);
  const auto* from = reinterpret_cast<const unsigned*>(work.sections);
  auto* to = reinterpret_cast<unsigned*>(shared + F::sections_at);
  for (int i = threadIdx.x; i < words; i += F::threads) to[i] = from[i];
  if (threadIdx.x == 0) {
    for (int i = 0; i < F::stages; ++i) {
      barrier_init(block.full(i), 1);
      barrier_init(block.empty(i), F::warps * cluster_blocks);
    }
    for (int part = 0; part < F::parts; ++part) {
      barrier_init(block.open(part), 1);
      barrier_init(block.shared_sums(part), 128);
    }
    barrier_init_fence();
  }
  cluster_sync();
}

/// This warp is done with a stage: so it tells both that fill it.
template <class F>
__device__ inline void release_stage(const Block<F>& block, int stage, int lane) {
  if (lane != 0) return;
  barrier_arrive(block.empty(stage));
  barrier_arrive_peer(peer_address(block.empty(stage), block.peer()));
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
