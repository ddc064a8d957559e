// Choosing the next token on the device: sample_token of backend/sampling.hpp, to the same token.
//
// Greedy is one kernel: every block finds its best, the last block to arrive the best of all. With a
// temperature the logits are sorted (CUB, stable, so that ties keep ascending ids) and one block walks
// the sums in double. Nothing comes back to the host; all of it may be captured in a graph.
#pragma once

#include <algorithm>
#include <cub/device/device_radix_sort.cuh>

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/rows.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

inline constexpr int sample_threads = 1024;
inline constexpr int best_threads = 256;
inline constexpr int best_blocks = 128;

/// The front of the scratch; the arrays of the sort follow when there is a temperature.
struct SampleState {
  unsigned arrived;  ///< zero between launches
  int finite;        ///< of the last row seen
  unsigned long long best[best_blocks];
};

/// Larger for a larger logit, and among equals for a smaller id; the largest of all when not finite.
__device__ inline unsigned long long logit_rank(float logit, unsigned id) {
  if (!isfinite(logit)) return ~0ull;
  const std::uint32_t bits = __float_as_uint(logit + 0.f);  // -0 equals +0
  const std::uint32_t ordered = bits >> 31 ? ~bits : bits | 0x80000000u;
  return static_cast<unsigned long long>(ordered) << 32 | (0xffffffffu - id);
}

__device__ inline unsigned long long block_largest(unsigned long long best) {
  __shared__ unsigned long long warps[best_threads / 32];
  for (int offset = 16; offset > 0; offset /= 2) best = max(best, __shfl_xor_sync(0xffffffffu, best, offset));
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = best;
  __syncthreads();
  for (int w = 0; w < best_threads / 32; ++w) best = max(best, warps[w]);
  return best;
}

/// next = the greedy token. Also copies the row as sortable keys with their ids, when those are wanted.
template <class T>
__global__ void __launch_bounds__(best_threads)
    best_kernel(const T* logits, int vocab, SampleState* state, float* keys, std::int32_t* ids,
                std::int32_t* next) {
  wait_for_previous();
  let_next_begin();
  unsigned long long best = 0;
  const int step = static_cast<int>(gridDim.x) * best_threads;
#pragma unroll 4
  for (int i = static_cast<int>(blockIdx.x) * best_threads + static_cast<int>(threadIdx.x); i < vocab;
       i += step) {
    const float logit = as_float(logits[i]);
    best = max(best, logit_rank(logit, static_cast<unsigned>(i)));
    if (keys != nullptr) {
      keys[i] = logit + 0.f;
      ids[i] = i;
    }
  }
  best = block_largest(best);

  __shared__ bool last;
  if (threadIdx.x == 0) {
    state->best[blockIdx.x] = best;
    __threadfence();
    last = atomicInc(&state->arrived, gridDim.x - 1) == gridDim.x - 1;  // wraps to zero
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  best = 0;
  for (int b = static_cast<int>(threadIdx.x); b < static_cast<int>(gridDim.x); b += best_threads)
    best = max(best, *static_cast<volatile unsigned long long*>(&state->best[b]));
  best = block_largest(best);
  if (threadIdx.x == 0) {
    state->finite = best != ~0ull;
    *next = best == ~0ull ? not_a_token
                          : static_cast<std::int32_t>(0xffffffffu - static_cast<std::uint32_t>(best));
  }
}

/// Inclusive sums over the block, in thread order. `warps` [sample_threads / 32 + 1]; returns mine, `all` the
/// last.
__device__ inline double block_prefix(double x, double* warps, double* all) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (int offset = 1; offset < 32; offset *= 2) {
    const double before = __shfl_up_sync(0xffffffffu, x, offset);
    if (lane >= offset) x += before;
  }
  __syncthreads();
  if (lane == 31) warps[warp] = x;
  __syncthreads();
  double sum = 0.0, mine = 0.0;
  for (int w = 0; w < sample_threads / 32; ++w) {
    if (w == warp) mine = sum;
    sum += warps[w];
  }
  *all = sum;
  return mine + x;
}

/// The sorted row as weights, cut into as many chunks as the block has warps.
struct SortedWeights {
  const float* keys;
  int kept;
  float temperature;

  __device__ float at(int i) const { return expf((keys[i] - keys[0]) / temperature); }
  __device__ int chunk() const { return (kept + sample_threads / 32 - 1) / (sample_threads / 32); }
};

/// First i whose inclusive sum reaches (or, if strict, passes) `wanted`; the sum there in *reached.
/// The last kept one when none does. sums [warps + 1]: exclusive sums of the chunks. For the whole block.
__device__ inline int first_reaching(const SortedWeights& weights, const double* sums, double wanted,
                                     bool strict, double* slots, double* reached) {
  __shared__ int found;
  __shared__ double sum_there;
  const auto enough = [&](double sum) { return strict ? sum > wanted : sum >= wanted; };
  int c = 0;
  while (c < sample_threads / 32 - 1 && !enough(sums[c + 1])) ++c;
  const int begin = c * weights.chunk(), end = min(begin + weights.chunk(), weights.kept);
  if (threadIdx.x == 0) {  // what rounding may leave: the chunk's end
    found = end - 1;
    sum_there = sums[c + 1];
  }
  double before = sums[c];
  for (int base = begin; base < end; base += sample_threads) {
    const int i = base + static_cast<int>(threadIdx.x);
    const double mine = i < end ? static_cast<double>(weights.at(i)) : 0.0;
    double all = 0.0;
    const double sum = before + block_prefix(mine, slots, &all);
    const bool hit = i < end && enough(sum);
    if (hit) atomicMin(&found, i);
    if (__syncthreads_or(hit ? 1 : 0) != 0) {
      if (i == found) sum_there = sum;
      break;
    }
    before += all;
  }
  __syncthreads();
  *reached = sum_there;
  const int result = found;
  __syncthreads();
  return result;
}

struct Draw {
  Sampling how;
  std::uint64_t step;
  const std::int32_t* device_step;
};

/// From the sorted row to the token.
template <int = 0>
__global__ void __launch_bounds__(sample_threads)
    draw_kernel(const float* keys, const std::int32_t* ids, int vocab, const SampleState* state, Draw draw,
                std::int32_t* next) {
  __shared__ double sums[sample_threads / 32 + 1];
  __shared__ double slots[sample_threads / 32];
  wait_for_previous();
  let_next_begin();
  if (state->finite == 0) return;  // next is not_a_token already
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const index_t top_k = draw.how.top_k;
  const SortedWeights weights{keys, top_k > 0 && top_k < vocab ? static_cast<int>(top_k) : vocab,
                              draw.how.temperature};

  const int begin = warp * weights.chunk(), end = min(begin + weights.chunk(), weights.kept);
  double sum = 0.0;
#pragma unroll 4
  for (int i = begin + lane; i < end; i += 32) sum += static_cast<double>(weights.at(i));
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  if (lane == 0) slots[warp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    double running = 0.0;
    for (int w = 0; w < sample_threads / 32; ++w) {
      sums[w] = running;
      running += slots[w];
    }
    sums[sample_threads / 32] = running;
  }
  __syncthreads();

  double total = sums[sample_threads / 32];
  int last = weights.kept - 1;
  if (draw.how.top_p < 1.f)
    last = first_reaching(weights, sums, static_cast<double>(draw.how.top_p) * total, false, slots, &total);
  const std::uint64_t step =
      draw.device_step != nullptr ? static_cast<std::uint64_t>(*draw.device_step) : draw.step;
  double reached = 0.0;
  const int token =
      min(first_reaching(weights, sums, uniform_number(draw.how.seed, step) * total, true, slots, &reached),
          last);
  if (threadIdx.x == 0) *next = ids[token];
}

/// Where the arrays lie in the scratch.
struct SampleScratch {
  SampleState* state;
  float* keys;
  float* sorted_keys;
  std::int32_t* ids;
  std::int32_t* sorted_ids;
  void* sort;
  std::size_t sort_bytes;
  std::size_t bytes;  ///< in all

  /// base may be null: then only the sizes mean something.
  static SampleScratch at(void* base, std::int64_t vocab) {
    std::size_t used = 0;
    const auto take = [&](std::size_t bytes) {
      const std::size_t begin = used;
      used += (bytes + 255) / 256 * 256;
      return static_cast<void*>(static_cast<char*>(base) + begin);
    };
    const std::size_t n = static_cast<std::size_t>(std::max<std::int64_t>(vocab, 1));
    SampleScratch s{};
    s.state = static_cast<SampleState*>(take(sizeof(SampleState)));
    s.keys = static_cast<float*>(take(n * sizeof(float)));
    s.sorted_keys = static_cast<float*>(take(n * sizeof(float)));
    s.ids = static_cast<std::int32_t*>(take(n * sizeof(std::int32_t)));
    s.sorted_ids = static_cast<std::int32_t*>(take(n * sizeof(std::int32_t)));
    if (s.sorting(static_cast<int>(n), nullptr) != cudaSuccess) s.sort_bytes = 0;
    s.sort = take(s.sort_bytes);
    s.bytes = used;
    return s;
  }

  /// Sorts; without memory, only finds out how much of it the sort wants.
  cudaError_t sorting(int n, cudaStream_t stream) {
    static_cast<void>(cudaGetLastError());  // CUB would report what an earlier call of this thread left
    return cub::DeviceRadixSort::SortPairsDescending(sort, sort_bytes, keys, sorted_keys, ids, sorted_ids, n,
                                                     0, 32, stream);
  }
};

}  // namespace cuda::kernels

namespace cuda {

/// Scratch for a row of `vocab` logits; its first bytes must be zero before the first use.
inline std::size_t sample_scratch_bytes(std::int64_t vocab) {
  return kernels::SampleScratch::at(nullptr, vocab).bytes;
}

/// next[0] = the token that sample_token chooses from logits [1, vocab]. device_step, when not null, stands
/// for step.
template <class T>
cudaError_t sample(Rows<const T> logits, const Sampling& how, std::uint64_t step,
                   const std::int32_t* device_step, std::int32_t* next, void* scratch, const Where& where) {
  using namespace kernels;
  const int vocab = static_cast<int>(logits.cols);
  const bool draws = how.temperature != 0.f;
  SampleScratch at = SampleScratch::at(scratch, vocab);
  const auto blocks =
      static_cast<unsigned>(std::clamp<std::int64_t>(ceil_div(vocab, 4 * best_threads), 1, best_blocks));
  const cudaError_t status = launch(where, dim3(blocks), best_threads, 0, best_kernel<T>, logits.data, vocab,
                                    at.state, draws ? at.keys : nullptr, draws ? at.ids : nullptr, next);
  if (status != cudaSuccess || !draws || vocab == 0) return status;
  if (const cudaError_t sorted = at.sorting(vocab, where.stream); sorted != cudaSuccess) return sorted;
  return launch(where, dim3(1), sample_threads, 0, draw_kernel<>, static_cast<const float*>(at.sorted_keys),
                static_cast<const std::int32_t*>(at.sorted_ids), vocab,
                static_cast<const SampleState*>(at.state), Draw{how, step, device_step}, next);
}

}  // namespace cuda
}  // namespace proxyv::inline v0
