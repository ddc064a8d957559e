// What a launch of hopper_products has to do, as the kernel receives it, and who does which tile when.
//
// Every job is cut into sections, one per output matrix; a section's output is cut into tiles of 128 rows.
// Blocks work in clusters of two on two neighbouring tiles, so that what both read travels once (TMA
// multicast): one tile above the other, sharing the weights, or, in an odd last row of tiles, side by side,
// sharing x. Pairs of tiles are numbered through all sections and dealt out in turn. Where the last turn
// would leave most clusters idle, its tiles are dealt out singly, and the two blocks of a cluster each sum
// one half of K.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/cuda/launch.hpp"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

inline constexpr int tile_rows = 128;  ///< of x, per block: 64 for each of two warpgroups
inline constexpr int half_rows = tile_rows / 2;
inline constexpr int tile_depth = 64;  ///< along K, per step: 128 bytes
inline constexpr int cluster_blocks = 2;

inline constexpr int max_jobs = 4;
inline constexpr int max_sections = 3 * max_jobs;
inline constexpr int max_maps = 22;

enum class Finish : std::uint8_t { store, swiglu, rotate };

/// One output matrix, y = finish(x w^T), of a launch.
struct Section {
  int first = 0;  ///< number of its first pair of tiles
  int row_tiles = 0, column_tiles = 0;
  int steps = 0;                                             ///< of tile_depth along K
  int columns = 0;                                           ///< of y
  std::uint8_t x_map = 0, w_map = 0, up_map = 0, y_map = 0;  ///< up_map is w_map but for swiglu
  std::uint8_t rotary_map = 0, head_dim = 0;
  Finish finish = Finish::store;
  Act act = Act::none;
  bool add = false;  ///< beta
  const void* bias = nullptr;
};

/// The kernel's one parameter.
struct Work {
  CUtensorMap maps[max_maps];
  Section sections[max_sections];
  int section_count = 0;
  int pairs = 0;  ///< of tiles, in all sections
  int whole = 0;  ///< so many pairs are done as pairs, the tiles of the others singly
};
static_assert(sizeof(Work) <= 4096, "kernel parameters end at 4 KB");

/// Items of work that clusters take in turn.
__host__ __device__ inline int items_of(int pairs, int whole) { return 2 * pairs - whole; }

enum class Together : std::uint8_t { stacked, beside, split };

/// Where a cluster works: at the tile of its first block, and how the second block's lies to it.
struct Place {
  int section, row, column;
  Together together;
};

/// Pairs of rows of tiles walked down before the next column: what x must stay in the L2 cache meanwhile.
inline constexpr int band = 16;

__host__ __device__ inline int pairs_of(int row_tiles, int column_tiles) {
  return row_tiles / 2 * column_tiles + row_tiles % 2 * ((column_tiles + 1) / 2);
}

/// Pair number `index` of a section: band by band; in a band column by column, downwards. The odd last row
/// follows every second column of the last band, so that the weights it reads are still in the cache.
__host__ __device__ inline Place place_in(int row_tiles, int column_tiles, int index) {
  const int stacked = row_tiles / 2;
  const int banded = stacked / band * band;
  if (index < banded * column_tiles) {
    const int inside = index % (band * column_tiles);
    const int row = index / (band * column_tiles) * band + inside % band;
    return {0, 2 * row, inside / band, Together::stacked};
  }
  index -= banded * column_tiles;
  const int rest = stacked - banded;
  if (row_tiles % 2 == 0) return {0, 2 * (banded + index % rest), index / rest, Together::stacked};
  const int two = index / (2 * rest + 1), inside = index % (2 * rest + 1);
  const int here = column_tiles - 2 * two < 2 ? 1 : 2;
  if (inside >= here * rest) return {0, row_tiles - 1, 2 * two, Together::beside};
  return {0, 2 * (banded + inside % rest), 2 * two + inside / rest, Together::stacked};
}

/// Item number `item` of a launch.
__device__ inline Place place_of(const Section* sections, int section_count, int whole, int item) {
  const bool split = item >= whole;
  const int pair = split ? whole + (item - whole) / 2 : item;
  int section = 0;
  while (section + 1 < section_count && pair >= sections[section + 1].first) ++section;
  const Section& at = sections[section];
  Place place = place_in(at.row_tiles, at.column_tiles, pair - at.first);
  place.section = section;
  if (!split) return place;
  const int member = (item - whole) % 2;
  (place.together == Together::beside ? place.column : place.row) += member;
  place.together = Together::split;
  return place;
}

/// One block's part of a place: its tile, and its steps along K.
struct Task {
  int row, column;  ///< of the tile, in tiles
  int first_step, steps;
};

/// Both halves of a split K are of equal length; a step beyond the end brings zeros.
__device__ inline Task task_of(const Section& section, const Place& place, int rank) {
  if (place.together == Together::split) {
    const int half = (section.steps + 1) / 2;
    return {place.row, place.column, rank * half, half};
  }
  const bool beside = place.together == Together::beside;
  return {place.row + (beside ? 0 : rank), place.column + (beside ? rank : 0), 0, section.steps};
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
