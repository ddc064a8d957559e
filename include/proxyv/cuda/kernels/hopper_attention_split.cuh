// Attention for few rows over many keys on Hopper (sm_90a): decoding, and ProxyV's small sets of queries.
//
// Bound by reading keys and values once, so everything serves to keep copies in flight: a tile is 64 (query,
// head of the group) rows of one key/value head, its keys are split over the blocks of a cluster, two blocks
// share a multiprocessor. In a block one warp streams 64 keys at a time by bulk tensor copies and one warpgroup
// computes, queries and weights staying in registers. The cluster merges through its shared memory.
#pragma once

#include "proxyv/cuda/kernels/attention_blocks.cuh"
#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/attention_merge.cuh"
#include "proxyv/cuda/kernels/hopper_attention_maps.cuh"
#include "proxyv/cuda/kernels/hopper_attention_softmax.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

namespace split {

inline constexpr int rows = 64, keys = 64, threads = 256, box_bytes = keys * 128, most_splits = 8;

template <class T>
struct Task {
  CUtensorMap k[4], v[4];
  AttentionJob<T> job;
  int rows;                ///< queries * group
  int group, splits;       ///< splits: 1 or the cluster's size
  int tiles, first_block;  ///< tiles of all key/value heads; where they start in the grid
  float scale_log2;
};

/// What one launch does.
template <class T>
struct Tasks {
  int count;
  Task<T> at[2];
};

template <int D>
struct Layout {
  static constexpr int boxes = (D + 63) / 64, tile_bytes = boxes * box_bytes, stages = D > 64 ? 3 : 6;
  static constexpr int k = 0, v = stages * tile_bytes, bytes = 2 * stages * tile_bytes;
  static constexpr int pitch = D + 8;  ///< floats of a row of sums; the first two behind the sums are top and total
};

template <int D>
struct Board {
  static constexpr int stages = Layout<D>::stages;
  std::uint64_t k_full[stages], k_empty[stages], v_full[stages], v_empty[stages];
  int note[stages];
  __align__(16) std::int32_t position[stages][keys];

  __device__ void init() {
    for (int i = 0; i < stages; ++i) {
      barrier_init(shared_address(&k_full[i]), 2), barrier_init(shared_address(&k_empty[i]), 4);
      barrier_init(shared_address(&v_full[i]), 1), barrier_init(shared_address(&v_empty[i]), 4);
    }
    barrier_init_done();
  }
};

/// One warp: finds the blocks that some row sees and streams them. Part p of S takes blocks p, p + S, ...
///
/// The first copies start before anything is known (how many keys count, who sees them): reading that takes as
/// long as the copies do. What turns out not to be needed is skipped.
template <class T, int D>
struct Producer {
  static constexpr int stages = Layout<D>::stages;

  const Task<T>& task;
  Board<D>& board;
  std::uint32_t memory;
  int kv, lane, part;
  RingPlace<stages> k, v;
  int guesses, live[4];

  /// What is asked for first: the counts of live keys, then the ring's fill of keys and values.
  __device__ void begin() {
    const AttentionJob<T>& job = task.job;
#pragma unroll
    for (int s = 0; s < 4; ++s) live[s] = s < job.segments ? live_keys(job.segment[s]) : 0;
    guesses = 0;
    if (job.segments == 0) return;
    for (; guesses < stages && block_at(guesses) * keys < job.segment[0].rows; ++guesses) {
      const KeyBlock block{0, block_at(guesses) * keys, keys};
      if (lane == 0) copy_keys(guesses, block), copy_values(guesses, block);
    }
  }

  __device__ void run(int first, int count) {
    const AttentionJob<T>& job = task.job;
    const bool causal = any_causal(job), early = job.segments > 0 && job.segment[0].visible != Visible::causal;
    std::int32_t position[stages][2];
    if (!early && guesses > 0) read_positions(position);
    Reach seen;
    if (causal) seen = reach_of_rows(job, first, count, task.group);
    const KeyMap<keys> map(live);
    TRACE_BY(0, 7);
    int done = 0;
#pragma unroll
    for (int i = 0; i < stages; ++i) {
      if (i >= guesses) break;
      const KeyBlock block{0, block_at(i) * keys, min(keys, map.keys[0] - block_at(i) * keys)};
      const bool exists = block.count > 0;
      done += exists ? 1 : 0;
      Reach reach;
      if (!early) reach.add(position[i][0]), reach.add(position[i][1]), reach = reach.across_warp();
      const bool visible = exists && (early || reach.low <= seen.high), mixed = !early && reach.high > seen.low;
      if (visible && mixed) keep_positions(position[i]);
      publish(visible ? Note::make(block.count, mixed || block.count < keys, mixed) : Note::skip);
      v.next();
    }
    for (int i = done; block_at(i) < map.blocks; i += 4) send_visible(map, i, seen);
    wait_for(board.k_empty[k.stage], k.parity);
    if (lane == 0) barrier_arrive(shared_address(&board.k_full[k.stage]));
    publish(Note::end);
  }

 private:
  __device__ int block_at(int i) const { return part + i * task.splits; }
  __device__ static void wait_for(std::uint64_t& empty, int parity) { barrier_wait(shared_address(&empty), parity ^ 1); }

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
    board.position[k.stage][lane] = position[0];
    board.position[k.stage][lane + 32] = position[1];
  }
  /// Tells the consumer about the block of keys and goes on to the next.
  __device__ void publish(int note) {
    if (lane == 0) board.note[k.stage] = note;
    __syncwarp();
    if (lane == 0) barrier_arrive(shared_address(&board.k_full[k.stage]));
    k.next();
  }
  __device__ void copy_keys(int stage, const KeyBlock& block) const {
    copy(board.k_full[stage], Layout<D>::k + stage * Layout<D>::tile_bytes, task.k[block.segment], block.key);
  }
  __device__ void copy_values(int stage, const KeyBlock& block) const {
    copy(board.v_full[stage], Layout<D>::v + stage * Layout<D>::tile_bytes, task.v[block.segment], block.key);
  }
  __device__ void copy(std::uint64_t& full, int offset, const CUtensorMap& map, int row) const {
    barrier_expect(shared_address(&full), Layout<D>::tile_bytes);
    for (int box = 0; box < Layout<D>::boxes; ++box)
      load_box(memory + static_cast<std::uint32_t>(offset + box * box_bytes), map, kv * D + box * 64, row, shared_address(&full));
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
      Reach reach;
      reach.add(position[i][0]), reach.add(position[i][1]);
      reach = reach.across_warp();
      const bool causal = task.job.segment[block[i].segment].visible == Visible::causal;
      if (!causal || reach.low <= seen.high) send(block[i], position[i], causal && reach.high > seen.low);
    }
  }
  __device__ void send(const KeyBlock& block, const std::int32_t (&position)[2], bool mixed) {
    wait_for(board.k_empty[k.stage], k.parity);
    if (lane == 0) copy_keys(k.stage, block);
    if (mixed) keep_positions(position);
    publish(Note::make(block.count, mixed || block.count < keys, mixed));
    wait_for(board.v_empty[v.stage], v.parity);
    if (lane == 0) copy_values(v.stage, block);
    v.next();
  }
};

/// One warpgroup: 64 rows against every block that comes.
template <class T, int D>
struct Consumer {
  const Task<T>& task;
  Board<D>& board;
  std::uint32_t memory;
  int kv, lane, warp;
  RingPlace<Layout<D>::stages> k, v;
  int skips = 0;  ///< blocks passed over whose values are still in the ring
  std::uint32_t q[D / 4], weight[keys / 4] = {};
  float sum[D / 2] = {};
  SoftRows soft;

  /// The scores of a block are on their way while the values of the one before are added.
  __device__ void run(bool idle) {
    int note = next_block();
    drop_values();
    if (note & Note::end) return;
    TRACE_BY(128, 1);
    float s[keys / 2];
    issue_scores(s);
    wgmma_wait<0>();
    keep_order(s);
    int count = note >> Note::count_shift;
    if (!idle) soft.mask(s, note, board.position[k.stage], lane);
    release(board.k_empty[k.stage]);
    k.next();
    if (!idle) soft.soften(s, task.scale_log2);
    if (!idle) round_weights<T>(weight, s);
    for (;;) {
      note = next_block();
      if (note & Note::end) break;
      issue_scores(s);
      await_values(count);
      issue_sums();
      wgmma_wait<1>();
      keep_order(s);
      count = note >> Note::count_shift;
      if (!idle) soft.mask(s, note, board.position[k.stage], lane);
      release(board.k_empty[k.stage]);
      k.next();
      if (!idle) soft.soften(s, task.scale_log2);
      wgmma_wait<0>();
      keep_order(sum);
      keep_order(s);
      release(board.v_empty[v.stage]);
      v.next();
      drop_values();
      if (!idle) soft.shrink_sums(sum);
      if (!idle) round_weights<T>(weight, s);
    }
    await_values(count);
    issue_sums();
    wgmma_wait<0>();
    keep_order(sum);
  }

  /// Sums, top and total of the rows to the blocks of the cluster that finish them.
  __device__ void send(std::uint32_t sums, int part, int per, int count) {
    soft.gather_totals();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp * 16 + lane / 4 + 8 * half;
      if (row >= count) continue;
      const std::uint32_t to = in_block(sums + static_cast<std::uint32_t>((part * per + row % per) * Layout<D>::pitch * 4), row / per);
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
        store_pair(to + static_cast<std::uint32_t>(n * 32 + lane % 4 * 8), sum[4 * n + 2 * half], sum[4 * n + 2 * half + 1]);
      if (lane % 4 == 0) store_pair(to + D * 4, soft.top[half] * task.scale_log2, soft.total[half]);
    }
  }
  __device__ void load_queries(int first) {
    const bool causal = any_causal(task.job);
    soft.reset();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first + 8 * half;
      const bool exists = row < task.rows;
      const int query = exists ? row / task.group : 0, head = kv * task.group + (exists ? row % task.group : 0);
      const T* from = task.job.q.data + query * task.job.q.stride + head * D + lane % 4 * 2;
      if (causal && exists) soft.position[half] = task.job.query_positions[query];
#pragma unroll
      for (int i = 0; i < D / 16; ++i) {
        q[4 * i + half] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * i) : 0u;
        q[4 * i + half + 2] = exists ? *reinterpret_cast<const std::uint32_t*>(from + 16 * i + 8) : 0u;
      }
    }
  }

 private:
  __device__ void release(std::uint64_t& empty) const {
    __syncwarp();
    if (lane == 0) barrier_arrive(shared_address(&empty));
  }
  __device__ int next_block() {
    for (;; k.next(), ++skips) {
      barrier_wait(shared_address(&board.k_full[k.stage]), k.parity);
      const int note = board.note[k.stage];
      if (!(note & Note::skip)) return note;
      release(board.k_empty[k.stage]);
    }
  }
  /// Once the values before them are used.
  __device__ void drop_values() {
    for (; skips > 0; --skips, v.next()) {
      barrier_wait(shared_address(&board.v_full[v.stage]), v.parity);
      release(board.v_empty[v.stage]);
    }
  }
  __device__ void await_values(int count) const {
    barrier_wait(shared_address(&board.v_full[v.stage]), v.parity);
    if (count < keys) clear_values(count);
  }
  __device__ std::uint32_t keys_at() const { return memory + static_cast<std::uint32_t>(Layout<D>::k + k.stage * Layout<D>::tile_bytes); }
  __device__ std::uint32_t values_at() const { return memory + static_cast<std::uint32_t>(Layout<D>::v + v.stage * Layout<D>::tile_bytes); }

  __device__ void issue_scores(float (&s)[keys / 2]) {
    keep_order(s);
    keep_order(q);
    wgmma_fence();
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
      wgmma_registers<T, keys, false>(s, q + 4 * d, operand(keys_at() + static_cast<std::uint32_t>(d / 4 * box_bytes + d % 4 * 32), 16), d == 0 ? 0 : 1);
    wgmma_commit();
  }
  __device__ void issue_sums() {
    keep_order(sum);
    keep_order(weight);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < keys / 16; ++i)
      wgmma_registers<T, D, true>(sum, weight + 4 * i, operand(values_at() + static_cast<std::uint32_t>(i * 16 * 128), box_bytes), 1);
    wgmma_commit();
  }
  /// Values behind the last key may be anything, NaN as well, and would be multiplied by zero.
  __device__ void clear_values(int count) const {
    for (int i = static_cast<int>(threadIdx.x % 128); i < Layout<D>::boxes * (keys - count) * 8; i += 128) {
      const int box = i / ((keys - count) * 8), chunk = count * 8 + i % ((keys - count) * 8);
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(values_at() + static_cast<std::uint32_t>(box * box_bytes + chunk * 16)), "r"(0) : "memory");
    }
    fence_for_wgmma();
    asm volatile("bar.sync 1, 128;" ::: "memory");
  }
};

/// Merges the parts of the rows [first, first + mine) that were sent here. Lane s knows how much part s weighs.
template <class T, int D>
__device__ void merge(const Task<T>& task, const float* sums, int first, int mine, int per, int kv) {
  constexpr int vector = LaneColumns<D>::vector;
  const int warp = static_cast<int>(threadIdx.x / 32 % 4), lane = static_cast<int>(threadIdx.x % 32), splits = task.splits;
  for (int row = warp; row < mine; row += 4) {
    Pack<float, 2> stat{-INFINITY, 0.f};
    if (lane < splits) stat = *reinterpret_cast<const Pack<float, 2>*>(sums + (lane * per + row) * Layout<D>::pitch + D);
    const float top = warp_max(stat.at[0]), weight = fast_exp2(stat.at[0] - (top == -INFINITY ? 0.f : top));
    RowSums<D> merged;
    merged.running.total = warp_sum(stat.at[1] * weight);
#pragma unroll 4
    for (int s = 0; s < splits; ++s) {
      const float w = __shfl_sync(all_lanes, weight, s);
#pragma unroll
      for (int c = 0; c < D / 32; c += vector) {
        const auto part = *reinterpret_cast<const Pack<float, vector>*>(sums + (s * per + row) * Layout<D>::pitch + LaneColumns<D>::at(lane, c));
#pragma unroll
        for (int i = 0; i < vector; ++i) merged.sum[c + i] += part.at[i] * w;
      }
    }
    const int index = first + row;
    merged.finish(task.job, index / task.group, kv * task.group + index % task.group, task.scale_log2, lane);
  }
}

}  // namespace split

template <class T, int D>
__global__ __launch_bounds__(split::threads, 2) void attention_split_kernel(const __grid_constant__ split::Tasks<T> tasks) {
#ifdef PROXYV_ATTENTION_SM90A
  using namespace split;
  extern __shared__ unsigned char raw[];
  __shared__ Board<D> board;
  TRACE(0);
  const int block = static_cast<int>(blockIdx.x);
  const Task<T>& task = tasks.at[tasks.count > 1 && block >= tasks.at[1].first_block ? 1 : 0];
  const int part = (block - task.first_block) % task.splits, tile = (block - task.first_block) / task.splits;
  if (tile >= task.tiles) return;  // fills up the last cluster of a task that is not split
  const int row_tiles = task.tiles / task.job.kv_heads, kv = tile % task.job.kv_heads;
  const int first = (row_tiles - 1 - tile / task.job.kv_heads) * rows;  // the last rows see most: they start first
  const int count = min(task.rows - first, rows);

  const std::uint32_t skip = (1024u - shared_address(raw) % 1024u) % 1024u;  // the swizzle counts from multiples of 1024
  const std::uint32_t memory = shared_address(raw) + skip;
  const int warp = static_cast<int>(threadIdx.x / 32 % 4), lane = static_cast<int>(threadIdx.x % 32);
  if (threadIdx.x == 0) {
    prefetch_map(task.k[0]);
    prefetch_map(task.v[0]);
    board.init();
  }
  if (threadIdx.x < 128) {
    give_registers<64>();
    Producer<T, D> producer{task, board, memory, kv, lane, part};
    __syncwarp();
    wait_for_predecessor();
    if (warp == 0) producer.begin();
    TRACE_BY(0, 2);
    __syncthreads();
    if (warp == 0) producer.run(first, count);
    if (task.splits > 1) {
      cluster_barrier();
      cluster_barrier();
    }
  } else {
    take_registers<192>();
    Consumer<T, D> consumer{task, board, memory, kv, lane, warp};
    wait_for_predecessor();
    consumer.load_queries(first + warp * 16 + lane / 4);
    __syncthreads();
    consumer.run(warp * 16 >= count);
    TRACE_BY(128, 3);
    if (task.splits == 1) {
      store_rows<T, D>(task.job, consumer.sum, consumer.soft, first + warp * 16, task.rows, task.group, kv, task.scale_log2);
    } else {
      const int per = (count + task.splits - 1) / task.splits;
      __syncwarp();
      cluster_barrier();  // every ring is free
      TRACE_BY(128, 4);
      consumer.send(memory, part, per, count);
      __syncwarp();
      __syncwarp();
      cluster_barrier();  // everything was sent
      TRACE_BY(128, 5);
      merge<T, D>(task, reinterpret_cast<const float*>(raw + skip), first + part * per, min(per, count - part * per), per, kv);
    }
    TRACE_BY(128, 6);
  }
#endif
}

struct SplitTuning {
  int most_splits = split::most_splits, per_multiprocessor = 2, least_blocks = 3;
};

namespace split {

template <int D, class T>
cudaError_t make_task(Task<T>& task, const AttentionJob<T>& job, float scale_log2) {
  task.job = job;
  task.scale_log2 = scale_log2;
  task.group = job.heads / job.kv_heads;
  task.rows = static_cast<int>(job.q.rows) * task.group;
  task.tiles = static_cast<int>(ceil_div(task.rows, rows)) * job.kv_heads;
  task.splits = 1;
  task.first_block = 0;
  const std::int64_t width = std::int64_t{job.kv_heads} * D;
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    if (segment.rows == 0) continue;
    cudaError_t status = make_map(task.k[s], segment.keys, segment.rows, width, segment.key_stride, keys);
    if (status == cudaSuccess) status = make_map(task.v[s], segment.values, segment.rows, width, segment.value_stride, keys);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

template <class T>
std::int64_t most_key_blocks(const AttentionJob<T>& job) {
  std::int64_t blocks = 0;
  for (int s = 0; s < job.segments; ++s) blocks += ceil_div(job.segment[s].rows, keys);
  return blocks;
}

}  // namespace split

/// One or two jobs in a launch. The one with more keys is split as far as the card has room for both; the
/// other too when that is free.
template <int D, class T>
cudaError_t attention_split(const AttentionJob<T>* jobs, int count, float scale_log2, const Where& where, const SplitTuning& tuning = {}) {
  const bool swap = count > 1 && split::most_key_blocks(jobs[1]) > split::most_key_blocks(jobs[0]);
  split::Tasks<T> tasks;
  tasks.count = count;
  std::int64_t tiles[2] = {};
  for (int i = 0; i < count; ++i) {
    const cudaError_t status = split::make_task<D>(tasks.at[i], jobs[swap ? 1 - i : i], scale_log2);
    if (status != cudaSuccess) return status;
    tiles[i] = tasks.at[i].tiles;
  }
  std::int64_t room = std::int64_t{where.multiprocessors} * tuning.per_multiprocessor;
  if (count == 1) room -= room / 10;  // clusters leave some multiprocessors unused
  const std::int64_t cluster = std::max<std::int64_t>(
      1, std::min({(room - tiles[1]) / tiles[0], split::most_key_blocks(tasks.at[0].job) / tuning.least_blocks, std::int64_t{tuning.most_splits}}));
  tasks.at[0].splits = static_cast<int>(cluster);
  std::int64_t blocks = tiles[0] * cluster;
  if (count > 1) {
    tasks.at[1].first_block = static_cast<int>(blocks);
    blocks = ceil_div(blocks + tiles[1], cluster) * cluster;
  }
  return launch_attention(attention_split_kernel<T, D>, dim3(static_cast<unsigned>(blocks)), split::threads,
                          split::Layout<D>::bytes + 1024, static_cast<int>(cluster), where, tasks);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
