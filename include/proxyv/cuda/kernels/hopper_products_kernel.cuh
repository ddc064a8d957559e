// The kernel of hopper_products: persistent blocks of one warpgroup that loads and two that multiply.
//
// A thread of the first warpgroup fills a ring of stages (hopper_load.cuh); the two others each multiply 64
// of the tile's 128 rows with wgmma and finish them (hopper_finish.cuh) while the ring already fills for the
// next tile; finished rows leave while the next tile's products run. Where a cluster splits K, each block
// finishes the rows of one warpgroup, with the other block's sums added.
#pragma once

#include "proxyv/cuda/kernels/hopper_finish.cuh"
#include "proxyv/cuda/kernels/hopper_load.cuh"
#include "proxyv/cuda/kernels/hopper_wgmma.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

/// One warpgroup's 64 rows of a tile. Meanwhile the tile before leaves, a piece after each step; calls
/// meanwhile() when nothing is left but to wait for the last products.
template <class F, class Meanwhile>
__device__ inline void multiply(const Block<F>& block, float (&sums)[F::sums], int steps, Ring& ring,
                                Leaving<F>& leaving, const Spot& spot, Meanwhile meanwhile) {
  int last = 0;
  const auto multiply_step = [&](int step) {
    barrier_wait(block.full(ring.stage), ring.phase);
    const std::uint64_t x = operand(block.x(ring.stage) + spot.group * (F::x_bytes / 2));
    const std::uint64_t w = operand(block.w(ring.stage));
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < tile_depth / 16; ++k) wgmma<typename F::T>(sums, x + 2 * k, w + 2 * k, step + k > 0);
    wgmma_commit();
    wgmma_wait<1>();
    if (step > 0) release_stage(block, last, spot.lane);
    last = ring.stage;
    ring.advance<F::stages>();
  };
#pragma unroll
  for (int piece = 0; piece < F::pieces; ++piece) {
    if (piece < steps) multiply_step(piece);
    put_piece(leaving, piece, block.slots(spot.group), spot);
  }
  leaving.pieces = 0;
  for (int step = F::pieces; step < steps; ++step) multiply_step(step);
  meanwhile();
  wgmma_wait<0>();
  release_stage(block, last, spot.lane);
}

/// Stores one part of this thread's sums in the other block's stage.
template <class F>
__device__ inline void send_share(const Block<F>& block, const float* sums, int part, int stage, int thread) {
  const Shared to = peer_address(block.stage(stage), block.peer()) + thread * 16;
#pragma unroll
  for (int i = 0; i < part_columns / 2; i += 4)
    store_peer(to + i * 512, make_float4(sums[i], sums[i + 1], sums[i + 2], sums[i + 3]));
  barrier_publish_peer(peer_address(block.shared_sums(part), block.peer()));
}

template <class F>
__device__ inline void add_share(const Block<F>& block, float* sums, int stage, int thread) {
  const Shared from = block.stage(stage) + thread * 16;
#pragma unroll
  for (int i = 0; i < part_columns / 2; i += 4) {
    float4 share;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(share.x), "=f"(share.y), "=f"(share.z), "=f"(share.w)
                 : "r"(from + i * 512)
                 : "memory");
    sums[i] += share.x, sums[i + 1] += share.y, sums[i + 2] += share.z, sums[i + 3] += share.w;
  }
}

/// Gives up a stage that was read with ordinary loads.
template <class F>
__device__ inline void release_read_stage(const Block<F>& block, Ring& ring, int lane) {
  copy_fence();
  __syncwarp();
  release_stage(block, ring.stage, lane);
  ring.advance<F::stages>();
}

/// Adds the halves of a split K: those of warpgroup g in block g of the cluster.
template <class F>
__device__ inline void exchange(const Block<F>& block, float (&sums)[F::sums], const Spot& spot, Ring& ring,
                                unsigned phase) {
  const int thread = spot.warp * 32 + spot.lane;
#pragma unroll
  for (int part = 0; part < F::parts; ++part) {
    float* mine = sums + part * (part_columns / 2);
    barrier_wait(block.full(ring.stage), ring.phase);
    if (spot.group == block.rank) {
      barrier_wait_published(block.shared_sums(part), phase);
      add_share(block, mine, ring.stage, thread);
    } else {
      barrier_wait(block.open(part), phase);
      send_share(block, mine, part, ring.stage, thread);
    }
    release_read_stage(block, ring, spot.lane);
  }
}

/// Calls use(stage's address) for the next extra.
template <class F, class Use>
__device__ inline void take_extra(const Block<F>& block, Ring& ring, int lane, Use use) {
  barrier_wait(block.full(ring.stage), ring.phase);
  use(block.stage(ring.stage));
  release_read_stage(block, ring, lane);
}

/// Extras of rows that the other block finishes.
template <class F>
__device__ inline void pass_extras(const Block<F>& block, const Section& section, Ring& ring, int lane) {
  const int angles = section.finish == Finish::rotate ? section.head_dim / (2 * angle_columns) : 0;
  const int extras = angles + (section.add ? F::parts : 0);
  for (int i = 0; i < extras; ++i) take_extra(block, ring, lane, [](Shared) {});
}

template <class F>
__device__ inline void rotate(const Block<F>& block, float (&sums)[F::sums], const Section& section,
                              const Spot& spot, Ring& ring) {
  if (section.head_dim == 128) {
    take_extra(block, ring, spot.lane, [&](Shared angles) { rotate_sums<128, 0>(sums, angles, spot); });
    take_extra(block, ring, spot.lane, [&](Shared angles) { rotate_sums<128, 1>(sums, angles, spot); });
  } else {
    take_extra(block, ring, spot.lane, [&](Shared angles) { rotate_sums<64, 0>(sums, angles, spot); });
  }
}

/// From sums to what is to leave.
template <class F>
__device__ inline void finish(const Block<F>& block, float (&sums)[F::sums], const Section& section,
                              const CUtensorMap* y, const Spot& spot, Ring& ring, Leaving<F>& leaving) {
  using T = typename F::T;
  if (section.finish == Finish::swiglu) {
    gate_sums(sums);
    round_sums<F::pieces / 2>(leaving, sums, y, spot);
    return;
  }
  if (section.bias != nullptr) add_bias<T>(sums, section, spot);
  if (section.finish == Finish::rotate) rotate(block, sums, section, spot, ring);
  if (section.add) {
#pragma unroll
    for (int piece = 0; piece < F::pieces; piece += 2) {
      float* two = sums + 4 * piece_groups * piece;
      take_extra(block, ring, spot.lane, [&](Shared extra) {
        add_piece<T>(extra + spot.group * piece_bytes, two, spot);
        add_piece<T>(extra + (2 + spot.group) * piece_bytes, two + 4 * piece_groups, spot);
      });
    }
  }
  activate_sums(sums, section.act);
  round_sums<F::pieces>(leaving, sums, y, spot);
}

template <class F>
__device__ inline void multiply_tiles(const Block<F>& block, const Work& work) {
  Spot spot;
  spot.lane = threadIdx.x % 32;
  spot.warp = threadIdx.x / 32 % 4;
  spot.group = threadIdx.x / 128 - 1;
  wait_for_previous();
  Ring ring;
  unsigned split_phase = 0;
  Leaving<F> leaving;
  Place next = block.place(block.first);
  for (int item = block.first; item < block.items; item += block.step) {
    const Place place = next;
    const Section& section = block.sections[place.section];
    const Task task = task_of(section, place, block.rank);
    float sums[F::sums];
    multiply(block, sums, task.steps, ring, leaving, spot, [&] {
      if (item + block.step < block.items) next = block.place(item + block.step);
    });
    if (place.together == Together::split) {
      exchange(block, sums, spot, ring, split_phase);
      split_phase ^= 1;
      if (spot.group != block.rank) {
        pass_extras(block, section, ring, spot.lane);
        continue;
      }
    }
    spot.row = task.row * tile_rows + spot.group * half_rows;
    spot.column = task.column * (section.finish == Finish::swiglu ? F::columns / 2 : F::columns);
    finish(block, sums, section, work.maps + section.y_map, spot, ring, leaving);
  }
#pragma unroll
  for (int piece = 0; piece < F::pieces; ++piece) put_piece(leaving, piece, block.slots(spot.group), spot);
  if (spot.warp == 0 && elect_one()) wait_stores();
}

template <class F>
__global__ void __launch_bounds__(F::threads, 1) products_kernel(const __grid_constant__ Work work) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  const Block<F> block = make_block<F>(shared, work);
  set_up(block, shared, work);
  if (threadIdx.x < 128) {
    give_registers<40>();
    if (__shfl_sync(0xffffffff, threadIdx.x / 32, 0) == 0 && elect_one()) load_tiles(block, work);
  } else {
    take_registers<232>();
    multiply_tiles(block, work);
  }
  cluster_sync();  // no one leaves while the other may still write here
#endif
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
