// Which key blocks a tile of query rows must read: found from positions, without looking at keys.
//
// The keys of all segments are numbered in blocks of BN, each segment starting a new block. A block is
// hidden (skipped), open (every row sees every key) or partial (positions decide).
#pragma once

#include <climits>

#include "proxyv/cuda/kernels/attention_row.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::attend {

/// Where a block of keys lies.
struct KeyBlock {
  int segment = 0, key = 0, count = 0;  ///< count: keys that exist, at most BN
};

/// The keys that count now, read once, and how they lie in blocks.
template <int BN>
struct KeyMap {
  int keys[4] = {}, blocks = 0;

  template <class T>
  __device__ explicit KeyMap(const AttentionJob<T>& job) {
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      if (s < job.segments) keys[s] = live_keys(job.segment[s]);
      blocks += (keys[s] + BN - 1) / BN;
    }
  }
  __device__ explicit KeyMap(const int (&live)[4]) {
#pragma unroll
    for (int s = 0; s < 4; ++s) keys[s] = live[s], blocks += (live[s] + BN - 1) / BN;
  }
  __device__ KeyBlock at(int block) const {
    KeyBlock found;
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      const int count = (keys[s] + BN - 1) / BN;
      if (block >= 0 && block < count) found = {s, block * BN, min(BN, keys[s] - block * BN)};
      block -= count;  // negative once found
    }
    return found;
  }
};

/// Smallest and largest position.
struct Reach {
  int low, high;

  __device__ static Reach none() { return {INT_MAX, INT_MIN}; }
  __device__ void add(int position) { low = min(low, position), high = max(high, position); }
  __device__ Reach across_warp() const {
    return {__reduce_min_sync(all_lanes, low), __reduce_max_sync(all_lanes, high)};
  }
};

/// Positions of the queries of rows [first, first + count), by one warp.
template <class T>
__device__ Reach reach_of_rows(const AttentionJob<T>& job, std::int64_t first, int count, int group) {
  Reach reach = Reach::none();
  if (any_causal(job))
    for (int row = static_cast<int>(threadIdx.x % 32); row < count; row += 32)
      reach.add(job.query_positions[(first + row) / group]);
  return reach.across_warp();
}

/// Or'd to the number of a block of which some rows may see a part only.
inline constexpr int partial_block = 1 << 30;

/// The visible blocks of a window of at most `Most` blocks, in order: as entries.
template <int BN, int Most, int Threads>
struct BlockList {
  int entry[Most];
  int count;
  std::uint8_t kind[Most];  ///< 0 hidden, 1 open, 2 partial

  /// All threads of the block; ends with a barrier. The previous list must be done with.
  template <class T>
  __device__ void build(const AttentionJob<T>& job, const KeyMap<BN>& map, int first, int blocks,
                        const Reach& rows) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    for (int b = static_cast<int>(threadIdx.x / 32); b < blocks; b += Threads / 32) {
      const std::uint8_t found = classify(job, map.at(first + b), rows, lane);
      if (lane == 0) kind[b] = found;
    }
    __syncthreads();
    if (threadIdx.x < 32) compact(first, blocks, lane);
    __syncthreads();
  }

 private:
  template <class T>
  __device__ static std::uint8_t classify(const AttentionJob<T>& job, const KeyBlock& at, const Reach& rows,
                                          int lane) {
    const DeviceSegment<T>& segment = job.segment[at.segment];
    if (segment.visible == Visible::all) return 1;
    Reach keys = Reach::none();
    for (int k = lane; k < at.count; k += 32) keys.add(segment.positions[at.key + k]);
    keys = keys.across_warp();
    if (keys.low > rows.high) return 0;
    return keys.high <= rows.low ? 1 : 2;
  }
  __device__ void compact(int first, int blocks, int lane) {
    int kept = 0;
    for (int b = 0; b < blocks; b += 32) {
      const int k = b + lane < blocks ? kind[b + lane] : 0;
      const unsigned keep = __ballot_sync(all_lanes, k != 0);
      if (k != 0)
        entry[kept + __popc(keep & ((1u << lane) - 1))] = (first + b + lane) | (k == 2 ? partial_block : 0);
      kept += __popc(keep);
    }
    if (lane == 0) count = kept;
  }
};

}  // namespace cuda::kernels::attend
}  // namespace proxyv::inline v0
