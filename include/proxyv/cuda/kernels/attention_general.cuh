// Attention for any head size, alignment and element: float arithmetic on blocks of 16 rows and 32 keys.
//
// A block serves one key/value head; its rows are (query, head of the group) pairs, so that grouped heads
// share what was read. A lane scores one key; then the warp's lanes own columns. Output columns beyond 128
// are further blocks that score again, which keeps every size correct with fixed shared memory.
#pragma once

#include "proxyv/cuda/kernels/attention_launch.cuh"
#include "proxyv/cuda/kernels/attention_row.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

namespace general {

inline constexpr int warps = 4, rows_per_warp = 4, rows = warps * rows_per_warp, keys = 32, columns = 128;

/// A block's tiles, converted to float.
struct Tiles {
  float q[rows][columns];
  float k[keys][columns + 1];
  float v[keys][columns];
};

/// A row of the block: which query and head it is, and its running sums.
struct Row {
  std::int64_t query = 0;
  int head = 0, position = 0;
  bool exists = false, nothing = true;
  Running running;
  float sum[columns / 32] = {};
};

template <class T, int Stride>
__device__ void stage(float (&to)[keys][Stride], const T* from, std::int64_t stride, int count, int width) {
  for (int i = static_cast<int>(threadIdx.x); i < keys * columns; i += warps * 32) {
    const int key = i / columns, column = i % columns;
    to[key][column] = key < count && column < width ? as_float(from[key * stride + column]) : 0.f;
  }
}

template <class T>
__device__ void stage_queries(Tiles& tiles, const AttentionJob<T>& job, const Row (&row)[rows_per_warp],
                              int first) {
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r) {
    const T* from =
        job.q.data + row[r].query * job.q.stride + std::int64_t{row[r].head} * job.head_dim + first;
    for (int column = lane; column < columns; column += 32)
      tiles.q[warp + warps * r][column] =
          row[r].exists && first + column < job.head_dim ? as_float(from[column]) : 0.f;
  }
}

/// Scores of the lane's key for the warp's rows, a chunk of the head at a time.
template <class T>
__device__ void score(Tiles& tiles, const AttentionJob<T>& job, const Row (&row)[rows_per_warp], const T* k,
                      std::int64_t stride, int count, float (&dot)[rows_per_warp]) {
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  for (int first = 0; first < job.head_dim; first += columns) {
    const int width = min(columns, job.head_dim - first);
    if (first > 0) __syncthreads();  // everybody is done with the previous chunk
    stage_queries(tiles, job, row, first);
    stage(tiles.k, k + first, stride, count, width);
    __syncthreads();
    for (int d = 0; d < width; ++d) {
      const float key = tiles.k[lane][d];
#pragma unroll
      for (int r = 0; r < rows_per_warp; ++r) dot[r] = fmaf(tiles.q[warp + warps * r][d], key, dot[r]);
    }
  }
}

/// Folds the scores of 32 keys into a row. Hidden values are not touched, whatever they hold.
__device__ inline void fold(Row& row, const Tiles& tiles, float score, bool seen) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  unsigned left = __ballot_sync(all_lanes, seen);
  if (left == 0) return;
  row.nothing = false;
  float subtract;
  const float shrink = row.running.raise(warp_max(seen ? score : -INFINITY), subtract);
  const float weight = seen ? exp2f(score - subtract) : 0.f;
  row.running.total = row.running.total * shrink + warp_sum(weight);
#pragma unroll
  for (float& sum : row.sum) sum *= shrink;
  for (; left != 0; left &= left - 1) {
    const int key = __ffs(static_cast<int>(left)) - 1;
    const float w = __shfl_sync(all_lanes, weight, key);
#pragma unroll
    for (int c = 0; c < columns / 32; ++c) row.sum[c] = fmaf(w, tiles.v[key][lane + 32 * c], row.sum[c]);
  }
}

template <class T>
__device__ void finish(Row& row, const AttentionJob<T>& job, int kv, int first) {
  const int lane = static_cast<int>(threadIdx.x % 32), width = min(columns, job.head_dim - first);
  if (row.nothing && job.empty == EmptyRow::uniform)
    mean_of_values(job, std::int64_t{kv} * job.head_dim + first, width, lane, row.sum);
  const float divide = row.nothing ? 1.f : row.running.total;
  T* to = job.o.data + row.query * job.o.stride + std::int64_t{row.head} * job.head_dim + first;
#pragma unroll
  for (int c = 0; c < columns / 32; ++c)
    if (lane + 32 * c < width) to[lane + 32 * c] = as_element<T>(row.sum[c] / divide);
}

}  // namespace general

template <class T>
__global__ __launch_bounds__(general::warps *
                             32) void attention_general_kernel(const __grid_constant__ AttentionJob<T> job,
                                                               float scale_log2) {
  using namespace general;
  __shared__ Tiles tiles;
  wait_for_predecessor();
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int kv = static_cast<int>(blockIdx.y), first = static_cast<int>(blockIdx.z) * columns;
  const int group = job.heads / job.kv_heads;
  const bool causal = any_causal(job);
  Row row[rows_per_warp];
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r) {
    const std::int64_t index = std::int64_t{blockIdx.x} * rows + warp + warps * r;
    row[r].exists = index < job.q.rows * group;
    row[r].query = row[r].exists ? index / group : 0;
    row[r].head = kv * group + static_cast<int>(index % group);
    row[r].position = causal ? job.query_positions[row[r].query] : 0;
  }
  for (int s = 0; s < job.segments; ++s) {
    const DeviceSegment<T>& segment = job.segment[s];
    int begin = 0, count = live_keys(segment);
    if (segment.visible == Visible::none) continue;
    if (segment.visible == Visible::self) {  // the block's queries are a run
      const std::int64_t at = std::int64_t{blockIdx.x} * rows;
      begin = static_cast<int>(at / group) / keys * keys;
      count = static_cast<int>(min(std::int64_t{count}, (at + rows - 1) / group + 1));
    }
    for (int key = begin; key < count; key += keys) {
      bool seen[rows_per_warp], any = false;
#pragma unroll
      for (int r = 0; r < rows_per_warp; ++r) {
        seen[r] = row[r].exists && key + lane < count &&
                  is_visible(segment, row[r].query, row[r].position, key + lane);
        any |= seen[r];
      }
      if (__syncthreads_or(any) == 0) continue;  // also: everybody is done with the previous tiles
      const std::int64_t column = std::int64_t{kv} * job.head_dim;
      stage(tiles.v, segment.values + key * segment.value_stride + column + first, segment.value_stride,
            count - key, job.head_dim - first);
      float dot[rows_per_warp] = {};
      score(tiles, job, row, segment.keys + key * segment.key_stride + column, segment.key_stride,
            count - key, dot);
#pragma unroll
      for (int r = 0; r < rows_per_warp; ++r) fold(row[r], tiles, dot[r] * scale_log2, seen[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r)
    if (row[r].exists) finish(row[r], job, kv, first);
}

template <class T>
cudaError_t attention_general(const AttentionJob<T>& job, float scale_log2, const Where& where) {
  const std::int64_t rows = job.q.rows * (job.heads / job.kv_heads);
  const dim3 grid(static_cast<unsigned>(ceil_div(rows, general::rows)), static_cast<unsigned>(job.kv_heads),
                  static_cast<unsigned>(ceil_div(job.head_dim, general::columns)));
  return launch_attention(attention_general_kernel<T>, grid, general::warps * 32, 0, 1, where, job,
                          scale_log2);
}

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
