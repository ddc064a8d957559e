// The loading thread of hopper_products: fills the ring of stages, tile after tile, by TMA.
#pragma once

#include "proxyv/cuda/kernels/hopper_block.cuh"
#include "proxyv/cuda/kernels/launch.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

/// What a tile's steps are filled from. w comes in two halves: the tile's columns, or with swiglu gates and
/// ups.
struct Source {
  const CUtensorMap *x, *w[2];
  int x_row, w_row[2];
};

template <class F>
__device__ inline Source source_of(const Work& work, const Section& section, const Task& task) {
  const bool gated = section.finish == Finish::swiglu;
  const int w_row = (gated ? task.column : 2 * task.column) * F::w_box_rows;
  return {work.maps + section.x_map,
          {work.maps + section.w_map, work.maps + section.up_map},
          task.row * tile_rows,
          {w_row, gated ? w_row : w_row + F::w_box_rows}};
}

/// Waits for the next stage and announces its bytes; returns its barrier.
template <class F>
__device__ inline Shared claim_stage(const Block<F>& block, const Ring& ring, int bytes) {
  barrier_wait(block.empty(ring.stage), ring.phase ^ 1);
  barrier_expect(block.full(ring.stage), bytes);
  return block.full(ring.stage);
}

/// A stage for each step along K; issue(stage, barrier, place along K) starts the copies.
template <class F, class Issue>
__device__ inline void fill_steps(const Block<F>& block, const Task& task, Ring& ring, Issue issue) {
  for (int step = 0; step < task.steps; ++step, ring.advance<F::stages>()) {
    const Shared barrier = claim_stage(block, ring, F::stage_bytes);
    issue(ring.stage, barrier, (task.first_step + step) * tile_depth);
  }
}

template <class F>
__device__ inline void load_steps(const Block<F>& block, const Source& from, const Task& task,
                                  Together together, Ring& ring) {
  constexpr int x_half = F::x_bytes / 2, w_half = F::w_bytes / 2;
  const auto load_x = [&](int stage, Shared barrier, int k) {
    copy_box(block.x(stage), from.x, barrier, k, from.x_row);
    copy_box(block.x(stage) + x_half, from.x, barrier, k, from.x_row + half_rows);
  };
  const auto load_w = [&](int stage, Shared barrier, int k) {
    copy_box(block.w(stage), from.w[0], barrier, k, from.w_row[0]);
    copy_box(block.w(stage) + w_half, from.w[1], barrier, k, from.w_row[1]);
  };
  const bool second = block.rank != 0;  // of what is shared, each block brings one half to both
  if (together == Together::stacked) {
    const CUtensorMap* w = second ? from.w[1] : from.w[0];
    const int row = second ? from.w_row[1] : from.w_row[0], to = second ? w_half : 0;
    fill_steps(block, task, ring, [&](int stage, Shared barrier, int k) {
      copy_box_to(block.w(stage) + to, w, barrier, k, row, 3);
      load_x(stage, barrier, k);
    });
  } else if (together == Together::beside) {
    const int row = from.x_row + (second ? half_rows : 0), to = second ? x_half : 0;
    fill_steps(block, task, ring, [&](int stage, Shared barrier, int k) {
      copy_box_to(block.x(stage) + to, from.x, barrier, k, row, 3);
      load_w(stage, barrier, k);
    });
  } else {
    fill_steps(block, task, ring, [&](int stage, Shared barrier, int k) {
      load_x(stage, barrier, k);
      load_w(stage, barrier, k);
    });
  }
}

/// Four boxes of a warpgroup's 64 rows: for each of two columns of boxes, the rows of both warpgroups.
template <class F>
__device__ inline void load_extra(const Block<F>& block, const CUtensorMap* map, int row,
                                  const int (&column)[2], Ring& ring) {
  const Shared barrier = claim_stage(block, ring, extra_bytes);
  for (int piece = 0; piece < 2; ++piece)
    for (int half = 0; half < 2; ++half)
      copy_box(block.stage(ring.stage) + (2 * piece + half) * piece_bytes, map, barrier, column[piece],
               row + half * half_rows);
  ring.advance<F::stages>();
}

/// Angles, 32 cosines and their sines at a time, or y, two pieces at a time.
template <class F>
__device__ inline void load_extras(const Block<F>& block, const Work& work, const Section& section,
                                   const Task& task, Ring& ring) {
  const int row = task.row * tile_rows;
  if (section.finish == Finish::rotate) {
    const int half = section.head_dim / 2;
    for (int column = 0; column < half; column += angle_columns)
      load_extra(block, work.maps + section.rotary_map, row, {column, half + column}, ring);
  }
  if (section.add) {
    for (int part = 0; part < F::parts; ++part) {
      const int column = task.column * F::columns + part * part_columns;
      load_extra(block, work.maps + section.y_map, row, {column, column + piece_columns}, ring);
    }
  }
}

/// Gives the other block stages for its partial sums.
template <class F>
__device__ inline void open_shares(const Block<F>& block, Ring& ring) {
  for (int part = 0; part < F::parts; ++part, ring.advance<F::stages>()) {
    barrier_wait(block.empty(ring.stage), ring.phase ^ 1);
    barrier_arrive(block.full(ring.stage));
    barrier_arrive_peer(peer_address(block.open(part), block.peer()));
  }
}

template <class F>
__device__ inline void load_tiles(const Block<F>& block, const Work& work) {
  Ring ring;
  for (int item = block.first; item < block.items; item += block.step) {
    const Place place = block.place(item);
    const Section& section = block.sections[place.section];
    const Task task = task_of(section, place, block.rank);
    const Source source = source_of<F>(work, section, task);
    if (item == block.first) wait_for_previous();
    if (item + block.step >= block.items) let_next_begin();
    load_steps(block, source, task, place.together, ring);
    if (place.together == Together::split) open_shares(block, ring);
    load_extras(block, work, section, task, ring);
  }
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
