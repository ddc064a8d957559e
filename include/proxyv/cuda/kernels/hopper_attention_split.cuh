// Attention for few rows over many keys on Hopper (sm_90a): decoding, and ProxyV's small sets of queries.
//
// Bound by reading keys and values once, so everything serves to keep copies in flight: a tile is 64 (query,
// head of the group) rows of one key/value head, its keys are split over the blocks of a cluster, two blocks
// share a multiprocessor. In a block one warp streams 64 keys at a time by bulk tensor copies and one
// warpgroup computes, queries and weights staying in registers. The cluster merges through its shared memory.
// Two jobs can share a launch.
#pragma once

#include <algorithm>

#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/hopper_attention_rows.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

template <class T, class S>
__global__ __launch_bounds__(split::threads,
                             2) void attention_split_kernel(const __grid_constant__ split::Tasks<T> tasks) {
#ifdef PROXYV_ATTENTION_SM90A
  using namespace split;
  extern __shared__ unsigned char raw[];
  __shared__ Board<S> board;
  const int block = static_cast<int>(blockIdx.x);
  const Task<T>& task = tasks.at[tasks.count > 1 && block >= tasks.at[1].first_block ? 1 : 0];
  const int part = (block - task.first_block) % task.splits, tile = (block - task.first_block) / task.splits;
  if (tile >= task.tiles) return;  // fills up the last cluster of a task that is not split
  const int row_tiles = task.tiles / task.job.kv_heads, kv = tile % task.job.kv_heads;
  const int first =
      (row_tiles - 1 - tile / task.job.kv_heads) * rows;  // the last rows see most: they start first
  const int count = min(task.rows - first, rows);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const std::uint32_t skip =
      (1024u - shared_address(raw) % 1024u) % 1024u;  // the swizzle counts from multiples of 1024
  float* const sums = reinterpret_cast<float*>(raw + skip);
  if (threadIdx.x == 128) {
    prefetch_map(task.k[0]);
    prefetch_map(task.v[0]);
    board.init();
  }
  __syncthreads();
  if (warp == 4) {
    Producer<T, S> producer{task, board, shared_address(raw) + skip, kv, lane, part};
    if (task.settled) producer.begin_early();
    wait_for_predecessor();
    if (!task.settled) producer.begin();
    producer.run(first, count);
  } else {
    wait_for_predecessor();
    Consumer<T, S> consumer{task, board, shared_address(raw) + skip, kv, lane, warp};
    consumer.load_queries(first + warp * 16 + lane / 4);
    consumer.run();
    if (task.splits == 1)
      store_rows<T, S::head>(task.job, consumer.sum, consumer.soft, first + warp * 16, task.rows, task.group,
                             kv, task.scale_log2);
    else consumer.store(sums);
  }
  if (task.splits == 1) return;
  __syncwarp();
  cluster_barrier();
  merge(task, board, sums, first, count, kv, part);
  cluster_barrier();  // nobody leaves while others read
#endif
}

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
  task.settled = job.segments == 1 && job.segment[0].live != nullptr && job.segment[0].settled &&
                 job.segment[0].visible == Visible::all;
  const std::int64_t width = std::int64_t{job.kv_heads} * D;
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    if (segment.rows == 0) continue;
    cudaError_t status = make_map(task.k[s], segment.keys, segment.rows, width, segment.key_stride, keys);
    if (status == cudaSuccess)
      status = make_map(task.v[s], segment.values, segment.rows, width, segment.value_stride, keys);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

template <class T>
std::int64_t key_blocks(const AttentionJob<T>& job) {
  std::int64_t blocks = 0;
  for (int s = 0; s < job.segments; ++s) blocks += ceil_div(job.segment[s].rows, keys);
  return blocks;
}

}  // namespace split

/// One or two jobs in a launch. The one with more keys is split as far as the card has room for both; a part
/// has three blocks of keys or more, as merging costs about as much.
template <int D, class T>
cudaError_t attention_split(const AttentionJob<T>* jobs, int count, float scale_log2, const Where& where) {
  using S = split::Shape<D>;
  const bool swap = count > 1 && split::key_blocks(jobs[1]) > split::key_blocks(jobs[0]);
  split::Tasks<T> tasks;
  tasks.count = count;
  int tiles[2] = {};
  for (int i = 0; i < count; ++i) {
    const cudaError_t status = split::make_task<D>(tasks.at[i], jobs[swap ? 1 - i : i], scale_log2);
    if (status != cudaSuccess) return status;
    tiles[i] = tasks.at[i].tiles;
  }
  int room = 2 * where.multiprocessors;
  if (count == 1) room -= room / 10;  // clusters leave some multiprocessors unused
  const int parts = static_cast<int>(split::key_blocks(tasks.at[0].job)) / 3;
  const int splits = std::max(1, std::min({(room - tiles[1]) / tiles[0], parts, split::most_splits}));
  tasks.at[0].splits = splits;
  tasks.at[1].first_block = tiles[0] * splits;
  const auto blocks = static_cast<unsigned>(ceil_div(tiles[0] * splits + tiles[1], splits) * splits);
  return launch_attention(attention_split_kernel<T, S>, dim3(blocks), split::threads, S::bytes + 1024, splits,
                          where, tasks);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
