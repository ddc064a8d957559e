// From sums in registers to finished rows in memory: what a warpgroup does with its 64 rows of a tile.
//
// Sums are held as hopper_wgmma.cuh says: group g of 8 columns is sums[4 g .. 4 g + 3]. All is computed in
// float and rounded once. Rows leave in pieces of 64 columns through two slots of shared memory, by TMA,
// while the warpgroup multiplies the next tile. What comes in, y of a beta or angles, comes as extras through
// the ring (hopper_block.cuh).
#pragma once

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/hopper_block.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels::hopper {

inline constexpr int piece_groups = piece_columns / 8;

/// A warpgroup's part of a tile, seen by one of its threads.
struct Spot {
  int row, column;        ///< first of 64 rows of y, first column
  int group, warp, lane;  ///< warpgroup of the block, warp of the warpgroup, lane of the warp
};

__device__ inline unsigned pack(float low, float high, bf16) {
  const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&two);
}
__device__ inline unsigned pack(float low, float high, f16) {
  const __half2 two = __floats2half2_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&two);
}
__device__ inline float2 unpack(unsigned two, bf16) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&two));
}
__device__ inline float2 unpack(unsigned two, f16) {
  return __half22float2(*reinterpret_cast<const __half2*>(&two));
}

/// The address that lane `lane` gives to ldmatrix / stmatrix .x4 for groups g and g + 1 of its warp's rows of
/// a piece. The swizzle is that of the tensor maps.
__device__ inline Shared matrix_at(Shared piece, const Spot& spot, int group) {
  const int row = spot.lane & 15;
  return piece + (16 * spot.warp + row) * 128 + (((group + (spot.lane >> 4)) ^ (row & 7)) * 16);
}

template <class T>
__device__ inline void add_piece(Shared piece, float* sums, const Spot& spot) {
#pragma unroll
  for (int g = 0; g < piece_groups; g += 2) {
    unsigned two[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(two[0]), "=r"(two[1]), "=r"(two[2]), "=r"(two[3])
                 : "r"(matrix_at(piece, spot, g))
                 : "memory");
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 y = unpack(two[i], T{});
      sums[4 * g + 2 * i] += y.x;
      sums[4 * g + 2 * i + 1] += y.y;
    }
  }
}

/// All four warps of a warpgroup.
__device__ inline void group_sync(int group) {
  asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory");
}

/// A warpgroup's finished rows of a tile, rounded, in registers: two columns in each, in the order of the
/// sums. They leave piece by piece while the next tile's products already run.
template <class F>
struct Leaving {
  unsigned two[F::sums / 2];
  const CUtensorMap* y = nullptr;
  int row = 0, column = 0;  ///< as Spot's
  int pieces = 0;           ///< none: nothing leaves
};

/// Rounds the sums of `pieces` pieces.
template <int pieces, class F>
__device__ inline void round_sums(Leaving<F>& out, const float (&sums)[F::sums], const CUtensorMap* y,
                                  const Spot& spot) {
#pragma unroll
  for (int i = 0; i < pieces * piece_groups * 2; ++i)
    out.two[i] = pack(sums[2 * i], sums[2 * i + 1], typename F::T{});
  out.y = y, out.row = spot.row, out.column = spot.column, out.pieces = pieces;
}

/// Begins to write one piece to y, one elected thread speaking to the copy engine.
template <class F>
__device__ inline void put_piece(const Leaving<F>& out, int piece, Shared slots, const Spot& spot) {
  if (piece >= out.pieces) return;
  const Shared slot = slots + piece % 2 * piece_bytes;
  if (piece != 1) {  // the slot must have been read
    if (spot.warp == 0 && elect_one()) {
      if (piece == 0) wait_stores_read<0>();
      else wait_stores_read<1>();
    }
    group_sync(spot.group);
  }
#pragma unroll
  for (int g = 0; g < piece_groups; g += 2) {
    const unsigned* two = out.two + 2 * (piece * piece_groups + g);
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(matrix_at(slot, spot, g)),
        "r"(two[0]), "r"(two[1]), "r"(two[2]), "r"(two[3])
        : "memory");
  }
  copy_fence();
  group_sync(spot.group);
  if (spot.warp == 0 && elect_one()) {
    store_box(out.y, slot, out.column + piece * piece_columns, out.row);
    commit_stores();
  }
}

// What happens to sums in registers.

template <class T, int count>
__device__ inline void add_bias(float (&sums)[count], const Section& section, const Spot& spot) {
  const T* bias = static_cast<const T*>(section.bias);
  const int column = spot.column + 2 * (spot.lane % 4);
#pragma unroll
  for (int g = 0; g < count / 4; ++g) {
    if (column + 8 * g >= section.columns) continue;
    const float2 b = unpack(*reinterpret_cast<const unsigned*>(bias + column + 8 * g), T{});
    sums[4 * g] += b.x, sums[4 * g + 1] += b.y;
    sums[4 * g + 2] += b.x, sums[4 * g + 3] += b.y;
  }
}

__device__ inline float sigmoid(float x) { return __fdividef(1.f, 1.f + __expf(-x)); }

template <int count>
__device__ inline void activate_sums(float (&sums)[count], Act act) {
  if (act == Act::gelu) {
#pragma unroll
    for (int i = 0; i < count; ++i) sums[i] = 0.5f * sums[i] * (1.f + erff(sums[i] * 0.70710678118654752f));
  } else if (act != Act::none) {
    const float slope = act == Act::silu ? 1.f : 1.702f;
#pragma unroll
    for (int i = 0; i < count; ++i) sums[i] *= sigmoid(slope * sums[i]);
  }
}

/// The first half of the columns are gates, the second what they let through.
template <int count>
__device__ inline void gate_sums(float (&sums)[count]) {
#pragma unroll
  for (int i = 0; i < count / 2; ++i) sums[i] = sums[i] * sigmoid(sums[i]) * sums[i + count / 2];
}

/// Turns the pairs (column j, column j + head_dim / 2) of every head by their row's angle, for the 32 columns
/// j that begin at 32 `part`. Angles lie in shared memory as load_extra laid them: cosines, then sines.
template <int head_dim, int part, int count>
__device__ inline void rotate_sums(float (&sums)[count], Shared angles, const Spot& spot) {
  constexpr int half = head_dim / 16;  // groups
#pragma unroll
  for (int below = 0; below < 2; ++below) {
    const int row = 16 * spot.warp + 8 * below + spot.lane / 4;
#pragma unroll
    for (int g = 0; g < angle_columns / 8; ++g) {
      const int chunk = (2 * g + spot.lane % 4 / 2) ^ (row & 7);
      const Shared at = angles + spot.group * piece_bytes + row * 128 + chunk * 16 + spot.lane % 2 * 8;
      float2 cosine, sine;
      asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(cosine.x), "=f"(cosine.y) : "r"(at) : "memory");
      asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];"
                   : "=f"(sine.x), "=f"(sine.y)
                   : "r"(at + 2 * piece_bytes)
                   : "memory");
#pragma unroll
      for (int head = 0; head < count / (8 * half); ++head) {
        float* a = sums + 4 * (2 * half * head + part * (angle_columns / 8) + g) + 2 * below;
        float* b = a + 4 * half;
        const float a0 = a[0], a1 = a[1];
        a[0] = a0 * cosine.x - b[0] * sine.x, a[1] = a1 * cosine.y - b[1] * sine.y;
        b[0] = b[0] * cosine.x + a0 * sine.x, b[1] = b[1] * cosine.y + a1 * sine.y;
      }
    }
  }
}

}  // namespace cuda::kernels::hopper
}  // namespace proxyv::inline v0
