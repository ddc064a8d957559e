// Attention for many rows on Hopper (sm_90a): wgmma, bulk tensor copies, one producer and two consumers.
//
// A block stays on its multiprocessor and walks over tiles of 128 queries of one head, heaviest first. The
// producer's warp decides from positions which blocks of 128 keys a tile needs and streams them; each
// consumer warpgroup holds 64 rows. A consumer issues the next block's scores before it softens this
// block's, and the two take turns at the tensor cores, so that one's softmax hides behind the other's
// products.
#pragma once

#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/hopper_attention_prefill.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

template <class T, int D>
__global__ __launch_bounds__(prefill::threads,
                             1) void attention_hopper_kernel(const __grid_constant__ prefill::Task<T> task) {
#ifdef PROXYV_ATTENTION_SM90A
  using namespace prefill;
  extern __shared__ unsigned char raw[];
  __shared__ Board<D> board;
  const std::uint32_t memory = (shared_address(raw) + 1023u) & ~1023u;  // what the swizzle counts from
  const int group = static_cast<int>(threadIdx.x / 128);
  if (threadIdx.x == 0) board.init();
  wait_for_predecessor();
  board.survey(task.job);
  __syncthreads();
  if (group == 0) {
    give_registers<40>();
    if (threadIdx.x < 32) Producer<T, D>{task, board, memory, static_cast<int>(threadIdx.x)}.run();
  } else {
    take_registers<232>();
    Consumer<T, D>{task,
                   board,
                   memory,
                   group - 1,
                   static_cast<int>(threadIdx.x / 32 % 4),
                   static_cast<int>(threadIdx.x % 32)}
        .run();
  }
#endif
}

/// Many rows, no device-side count of keys, few enough key blocks to survey. Alignment was checked.
template <class T>
bool prefill_fits(const AttentionJob<T>& job, const Where& where) {
  if (where.arch != 90 || encode_tiled() == nullptr) return false;
  std::int64_t blocks = 0;
  for (int s = 0; s < job.segments; ++s) {
    if (job.segment[s].live != nullptr) return false;
    blocks += ceil_div(job.segment[s].rows, prefill::keys);
  }
  const std::int64_t tiles = ceil_div(job.q.rows, prefill::rows) * job.heads;
  return blocks <= prefill::most_blocks && tiles < INT_MAX / 2 && tiles * 2 > where.multiprocessors;
}

template <int D, class T>
cudaError_t attention_hopper(const AttentionJob<T>& job, float scale_log2, const Where& where) {
  prefill::Task<T> task;
  task.job = job;
  task.scale_log2 = scale_log2;
  task.row_tiles = static_cast<int>(ceil_div(job.q.rows, prefill::rows));
  task.tiles = task.row_tiles * job.heads;
  cudaError_t status =
      make_map(task.q, job.q.data, job.q.rows, std::int64_t{job.heads} * D, job.q.stride, prefill::rows);
  for (int s = 0; s < job.segments && status == cudaSuccess; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    if (segment.rows == 0) continue;
    const std::int64_t width = std::int64_t{job.kv_heads} * D;
    status = make_map(task.k[s], segment.keys, segment.rows, width, segment.key_stride, prefill::keys);
    if (status == cudaSuccess)
      status = make_map(task.v[s], segment.values, segment.rows, width, segment.value_stride, prefill::keys);
  }
  if (status != cudaSuccess) return status;
  const dim3 grid(
      static_cast<unsigned>(task.tiles < where.multiprocessors ? task.tiles : where.multiprocessors));
  return launch_attention(attention_hopper_kernel<T, D>, grid, prefill::threads,
                          prefill::Layout<D>::bytes + 1024, 1, where, task);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
