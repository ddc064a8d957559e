// The parts of Hopper's attention for many rows: what a launch does, shared memory, the producer of key
// blocks and the consumers, one warpgroup each.
#pragma once

#include "proxyv/cuda/kernels/attention_blocks.cuh"
#include "proxyv/cuda/kernels/hopper_attention_maps.cuh"
#include "proxyv/cuda/kernels/hopper_attention_softmax.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend::prefill {

inline constexpr int rows = 128, keys = 128, threads = 384, most_blocks = 512;

template <class T>
struct Task {
  CUtensorMap q, k[4], v[4];
  AttentionJob<T> job;
  float scale_log2;
  int row_tiles, tiles;
};

template <int D>
struct Layout {
  static constexpr int boxes = (D + 63) / 64, box_bytes = 128 * 128, tile_bytes = boxes * box_bytes;
  static constexpr int stages = D > 64 ? 2 : 4;
  static constexpr int q = 0, k = q + 2 * tile_bytes, v = k + stages * tile_bytes,
                       bytes = v + stages * tile_bytes;
};

/// Everything in shared memory besides the tiles.
template <int D>
struct Board {
  static constexpr int stages = Layout<D>::stages;
  std::uint64_t q_full[2], q_empty[2], k_full[stages], k_empty[stages], v_full[stages], v_empty[stages];
  int note[stages];
  __align__(16) std::int32_t position[stages][keys];
  Reach reach[most_blocks];

  __device__ void init() {  // keys: the copy, and every lane of the producer, as each may write positions
    for (int i = 0; i < 2; ++i)
      barrier_init(shared_address(&q_full[i]), 1), barrier_init(shared_address(&q_empty[i]), 8);
    for (int i = 0; i < stages; ++i) {
      barrier_init(shared_address(&k_full[i]), 33), barrier_init(shared_address(&k_empty[i]), 8);
      barrier_init(shared_address(&v_full[i]), 1), barrier_init(shared_address(&v_empty[i]), 8);
    }
    barrier_init_done();
  }
  /// Positions' reach of every key block, by all threads.
  template <class T>
  __device__ void survey(const AttentionJob<T>& job) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const KeyMap<keys> map(job);
    for (int b = static_cast<int>(threadIdx.x / 32); b < map.blocks; b += threads / 32) {
      const KeyBlock at = map.at(b);
      const DeviceSegment<T>& segment = job.segment[at.segment];
      Reach found{INT_MIN, INT_MIN};  // `all`: before every query
      if (segment.visible == Visible::causal) {
        found = Reach::none();
        for (int i = lane; i < at.count; i += 32) found.add(segment.positions[at.key + i]);
        found = found.across_warp();
      }
      if (lane == 0) reach[b] = found;
    }
  }
};

/// The i-th tile of this block: heaviest first, back and forth so that blocks get equal shares.
__device__ inline int tile_of(int round) {
  const int width = static_cast<int>(gridDim.x), at = static_cast<int>(blockIdx.x);
  return round * width + (round % 2 == 0 ? at : width - 1 - at);
}

template <class T, int D>
struct Producer {
  const Task<T>& task;
  Board<D>& board;
  std::uint32_t memory;
  int lane;
  RingPlace<2> q;
  RingPlace<Layout<D>::stages> k, v;

  __device__ void run() {
    for (int round = 0;; ++round) {
      const int tile = tile_of(round);
      if (round * static_cast<int>(gridDim.x) >= task.tiles) break;
      if (tile < task.tiles) serve(task.row_tiles - 1 - tile / task.job.heads, tile % task.job.heads);
    }
  }

 private:
  __device__ void serve(int row_tile, int head) {
    const AttentionJob<T>& job = task.job;
    const int first = row_tile * rows, kv = head / (job.heads / job.kv_heads);
    barrier_wait(shared_address(&board.q_empty[q.stage]), q.parity ^ 1);
    if (lane == 0)
      load(shared_address(&board.q_full[q.stage]), Layout<D>::q + q.stage * Layout<D>::tile_bytes, task.q,
           head * D, first);
    q.next();
    const Reach seen =
        reach_of_rows(job, first, static_cast<int>(min(job.q.rows - first, std::int64_t{rows})), 1);
    for (int s = 0, b = 0; s < job.segments; ++s) {
      const int count = live_keys(job.segment[s]);
      for (int key = 0; key < count; key += keys, ++b) {
        const Reach block = board.reach[b];
        if (block.low > seen.high && job.segment[s].visible == Visible::causal) continue;
        send(s, key, min(keys, count - key), kv, count - key < keys || block.high > seen.low);
      }
    }
    finish();
  }
  __device__ void send(int s, int key, int count, int kv, bool partial) {
    const DeviceSegment<T>& segment = task.job.segment[s];
    const std::uint32_t full = shared_address(&board.k_full[k.stage]);
    barrier_wait(shared_address(&board.k_empty[k.stage]), k.parity ^ 1);
    if (lane == 0) {
      load(full, Layout<D>::k + k.stage * Layout<D>::tile_bytes, task.k[s], kv * D, key);
      board.note[k.stage] = Note::make(count, partial, segment.visible == Visible::causal);
    }
    if (partial && segment.visible == Visible::causal)
      for (int i = lane; i < count; i += 32) board.position[k.stage][i] = segment.positions[key + i];
    barrier_arrive(full);
    k.next();
    barrier_wait(shared_address(&board.v_empty[v.stage]), v.parity ^ 1);
    if (lane == 0)
      load(shared_address(&board.v_full[v.stage]), Layout<D>::v + v.stage * Layout<D>::tile_bytes, task.v[s],
           kv * D, key);
    v.next();
  }
  /// Says that the tile has no more blocks.
  __device__ void finish() {
    barrier_wait(shared_address(&board.k_empty[k.stage]), k.parity ^ 1);
    if (lane == 0) {
      board.note[k.stage] = Note::end;
      barrier_arrive(shared_address(&board.k_full[k.stage]));  // instead of a copy
    }
    barrier_arrive(shared_address(&board.k_full[k.stage]));
    k.next();
  }
  __device__ void load(std::uint32_t barrier, int offset, const CUtensorMap& map, int column, int row) {
    barrier_expect(barrier, Layout<D>::tile_bytes);
    for (int box = 0; box < Layout<D>::boxes; ++box)
      load_box(memory + static_cast<std::uint32_t>(offset + box * Layout<D>::box_bytes), map,
               column + box * 64, row, barrier);
  }
};

template <class T, int D>
struct Consumer {
  const Task<T>& task;
  Board<D>& board;
  std::uint32_t memory;
  int which, warp, lane;  ///< warpgroup 0 or 1, warp within it
  RingPlace<2> q;
  RingPlace<Layout<D>::stages> k, v;
  float sum[D / 2];
  SoftRows soft;
  std::uint32_t weight[keys / 4];  ///< rounded weights: the first operand of the second product

  __device__ void run() {
    if (which == 1) turn_pass(1);
    for (int round = 0;; ++round) {
      const int tile = tile_of(round);
      if (round * static_cast<int>(gridDim.x) >= task.tiles) break;
      if (tile < task.tiles) serve(task.row_tiles - 1 - tile / task.job.heads, tile % task.job.heads);
    }
    if (which == 0) turn_wait(1);  // takes the last turn that was passed
  }

 private:
  __device__ void serve(int row_tile, int head) {
    const std::int64_t first = std::int64_t{row_tile} * rows + which * 64 + warp * 16 + lane / 4;
    const bool causal = any_causal(task.job);
    soft.reset();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t query = first + 8 * half;
      if (causal && query < task.job.q.rows) soft.position[half] = task.job.query_positions[query];
    }
#pragma unroll
    for (int i = 0; i < D / 2; ++i) sum[i] = 0.f;
    barrier_wait(shared_address(&board.q_full[q.stage]), q.parity);
    int note = next_block();
    if (!(note & Note::end)) {
      float s[keys / 2];
      issue_scores(s);
      wgmma_wait<0>();
      keep_order(s);
      soft.mask(s, note, board.position[k.stage], lane);
      release(board.k_empty[k.stage]);
      k.next();
      soft.soften(s, task.scale_log2);
      round_weights<T>(weight, s);
      for (;;) {
        note = next_block();
        if (note & Note::end) break;
        turn_wait(1 + which);
        issue_scores(s);
        barrier_wait(shared_address(&board.v_full[v.stage]), v.parity);
        issue_sums();
        turn_pass(2 - which);
        wgmma_wait<1>();
        keep_order(s);
        soft.mask(s, note, board.position[k.stage], lane);
        release(board.k_empty[k.stage]);
        k.next();
        soft.soften(s, task.scale_log2);
        wgmma_wait<0>();
        keep_order(sum);
        keep_order(s);
        release(board.v_empty[v.stage]);
        v.next();
        soft.shrink_sums(sum);
        round_weights<T>(weight, s);
      }
      barrier_wait(shared_address(&board.v_full[v.stage]), v.parity);
      issue_sums();
      wgmma_wait<0>();
      keep_order(sum);
      release(board.v_empty[v.stage]);
      v.next();
    }
    release(board.k_empty[k.stage]);
    k.next();
    release(board.q_empty[q.stage]);
    q.next();
    store_rows<T, D>(task.job, sum, soft, row_tile * rows + which * 64 + warp * 16,
                     static_cast<int>(task.job.q.rows), 1, head, task.scale_log2);
  }

  __device__ int next_block() {
    barrier_wait(shared_address(&board.k_full[k.stage]), k.parity);
    return board.note[k.stage];
  }
  __device__ void release(std::uint64_t& barrier) {
    __syncwarp();
    if (lane == 0) barrier_arrive(shared_address(&barrier));
  }
  __device__ void issue_scores(float (&s)[keys / 2]) {
    const std::uint32_t a = memory + static_cast<std::uint32_t>(
                                         Layout<D>::q + q.stage * Layout<D>::tile_bytes + which * 64 * 128);
    const std::uint32_t b =
        memory + static_cast<std::uint32_t>(Layout<D>::k + k.stage * Layout<D>::tile_bytes);
    keep_order(s);
    wgmma_fence();
#pragma unroll
    for (int d = 0; d < D / 16; ++d) {
      const auto step = static_cast<std::uint32_t>(d / 4 * Layout<D>::box_bytes + d % 4 * 32);
      wgmma_shared<T>(s, operand(a + step, 16), operand(b + step, 16), d == 0 ? 0 : 1);
    }
    wgmma_commit();
  }
  __device__ void issue_sums() {
    const std::uint32_t b =
        memory + static_cast<std::uint32_t>(Layout<D>::v + v.stage * Layout<D>::tile_bytes);
    keep_order(sum);
    keep_order(weight);
    wgmma_fence();
#pragma unroll
    for (int key = 0; key < keys / 16; ++key)
      wgmma_registers<T, D, true>(
          sum, weight + 4 * key,
          operand(b + static_cast<std::uint32_t>(key * 16 * 128), Layout<D>::box_bytes), 1);
    wgmma_commit();
  }
};

}  // namespace cuda::kernels::attend::prefill
}  // namespace proxyv::inline v0
