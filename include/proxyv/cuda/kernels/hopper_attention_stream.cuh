// How Hopper's attention for few rows is fed: what a launch does, shared memory, and the warp that streams
// keys.
#pragma once

#include "proxyv/cuda/kernels/attention_blocks.cuh"
#include "proxyv/cuda/kernels/attention_merge.cuh"
#include "proxyv/cuda/kernels/hopper_attention_maps.cuh"
#include "proxyv/cuda/kernels/hopper_attention_softmax.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend::split {

inline constexpr int rows = 64, keys = 64, threads = 160, box_bytes = keys * 128, most_splits = 8;

template <class T>
struct Task {
  CUtensorMap k[4], v[4];
  AttentionJob<T> job;
  int rows;                ///< queries * group
  int group, splits;       ///< splits: 1 or the size of the clusters
  int tiles, first_block;  ///< tiles of all key/value heads; where they start in the grid
  bool settled;            ///< one segment, and only its last live row is new
  float scale_log2;
};

/// What one launch does.
template <class T>
struct Tasks {
  int count;
  Task<T> at[2];
};

template <int D>
struct Shape {
  static constexpr int head = D, boxes = (D + 63) / 64, tile_bytes = boxes * box_bytes,
                       stages = D > 64 ? 3 : 6;
  static constexpr int bytes = 2 * stages * tile_bytes;  ///< keys and values of every stage
  static constexpr int pitch = D + 8;  ///< floats between rows of sums, which take the ring's place
};

template <class S>
struct Board {
  std::uint64_t full[S::stages], empty[S::stages];
  int note[S::stages];
  __align__(16) std::int32_t position[S::stages][keys];
  __align__(8) float stats[rows][2];  ///< top and total

  /// full: the copies, and every lane of the producer, as each may write positions. empty: every consumer.
  __device__ void init() {
    for (int i = 0; i < S::stages; ++i)
      barrier_init(shared_address(&full[i]), 33), barrier_init(shared_address(&empty[i]), 128);
    barrier_init_done();
  }
};

/// One warp: finds the blocks that some row sees and streams them. Part p of S takes blocks p, p + S, ...
///
/// The first copies start before anything is known (how many keys count, who sees them): reading that takes
/// as long as the copies do. What turns out not to be needed is skipped. Of a cache that is settled but for its
/// last row, they start while the kernel before, which makes that row, still runs.
template <class T, class S>
struct Producer {
  static constexpr int stages = S::stages;

  const Task<T>& task;
  Board<S>& board;
  std::uint32_t memory;
  int kv, lane, part;
  RingPlace<stages> at;
  int guesses = 0, live[4] = {};

  /// What is asked for first: the counts of live keys, then the ring's fill of keys and values.
  __device__ void begin() {
    const AttentionJob<T>& job = task.job;
#pragma unroll
    for (int s = 0; s < 4; ++s) live[s] = s < job.segments ? live_keys(job.segment[s]) : 0;
    if (job.segments > 0) guess(job.segment[0].rows);
  }
  /// The same before the kernel before has ended.
  __device__ void begin_early() {
    live[0] = live_keys(task.job.segment[0]);
    guess(live[0] - keys);
  }

  __device__ void run(int first, int count) {
    const AttentionJob<T>& job = task.job;
    const bool causal = any_causal(job),
               early = job.segments > 0 && job.segment[0].visible != Visible::causal;
    std::int32_t position[stages][2];
    if (!early && guesses > 0) read_positions(position);
    Reach seen = Reach::none();
    if (causal) seen = reach_of_rows(job, first, count, task.group);
    const KeyMap<keys> map(live);
    int done = 0;
#pragma unroll
    for (int i = 0; i < stages; ++i) {
      if (i >= guesses) break;
      const KeyBlock block{0, block_at(i) * keys, min(keys, map.keys[0] - block_at(i) * keys)};
      const bool exists = block.count > 0;
      done += exists ? 1 : 0;
      Reach reach = Reach::none();
      if (!early) reach.add(position[i][0]), reach.add(position[i][1]), reach = reach.across_warp();
      const bool visible = exists && (early || reach.low <= seen.high),
                 mixed = !early && reach.high > seen.low;
      if (visible && mixed) keep_positions(position[i]);
      publish(visible ? Note::make(block.count, mixed || block.count < keys, mixed) : Note::skip);
    }
    for (int i = done; block_at(i) < map.blocks; i += 4) send_visible(map, i, seen);
    wait_for_place();
    if (lane == 0) barrier_arrive(shared_address(&board.full[at.stage]));
    publish(Note::end);
  }

 private:
  __device__ void guess(int rows) {
    for (; guesses < stages && block_at(guesses) * keys < rows; ++guesses) {
      const KeyBlock block{0, block_at(guesses) * keys, keys};
      if (lane == 0) copy(guesses, block);
    }
  }
  __device__ int block_at(int i) const { return part + i * task.splits; }
  __device__ void wait_for_place() const {
    barrier_wait(shared_address(&board.empty[at.stage]), at.parity ^ 1);
  }

  __device__ void read_positions(std::int32_t (&position)[stages][2]) const {
    const DeviceSegment<T>& segment = task.job.segment[0];
#pragma unroll
    for (int i = 0; i < stages; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int key = min(block_at(i) * keys + lane + 32 * half, segment.rows - 1);
        position[i][half] = segment.positions[key];
      }
    }
  }
  __device__ void keep_positions(const std::int32_t (&position)[2]) const {
    board.position[at.stage][lane] = position[0];
    board.position[at.stage][lane + 32] = position[1];
  }
  /// Tells the consumer about the block of keys and goes on to the next.
  __device__ void publish(int note) {
    if (lane == 0) board.note[at.stage] = note;
    barrier_arrive(shared_address(&board.full[at.stage]));
    at.next();
  }
  __device__ void copy(int stage, const KeyBlock& block) const {
    const std::uint32_t full = shared_address(&board.full[stage]),
                        to = memory + static_cast<std::uint32_t>(2 * stage * S::tile_bytes);
    barrier_expect(full, 2 * S::tile_bytes);
    for (int box = 0; box < S::boxes; ++box)
      load_box(to + static_cast<std::uint32_t>(box * box_bytes), task.k[block.segment],
               kv * S::head + box * 64, block.key, full);
    for (int box = 0; box < S::boxes; ++box)
      load_box(to + static_cast<std::uint32_t>(S::tile_bytes + box * box_bytes), task.v[block.segment],
               kv * S::head + box * 64, block.key, full);
  }
  /// Four blocks at a time, so that their positions are read together.
  __device__ void send_visible(const KeyMap<keys>& map, int first, const Reach& seen) {
    KeyBlock block[4];
    std::int32_t position[4][2];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      block[i] = map.at(block_at(first + i));
      const DeviceSegment<T>& segment = task.job.segment[block[i].segment];
#pragma unroll
      for (int half = 0; half < 2; ++half)
        position[i][half] = segment.visible == Visible::causal && block[i].count > 0
                                ? segment.positions[block[i].key + min(lane + 32 * half, block[i].count - 1)]
                                : INT_MIN;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (block[i].count == 0) break;
      Reach reach = Reach::none();
      reach.add(position[i][0]), reach.add(position[i][1]);
      reach = reach.across_warp();
      const bool causal = task.job.segment[block[i].segment].visible == Visible::causal;
      if (!causal || reach.low <= seen.high) send(block[i], position[i], causal && reach.high > seen.low);
    }
  }
  __device__ void send(const KeyBlock& block, const std::int32_t (&position)[2], bool mixed) {
    wait_for_place();
    if (lane == 0) copy(at.stage, block);
    if (mixed) keep_positions(position);
    publish(Note::make(block.count, mixed || block.count < keys, mixed));
  }
};

}  // namespace cuda::kernels::attend::split
}  // namespace proxyv::inline v0
