// What the CPU engine's drivers call: the kernels of one level of instructions, as a table.
//
// The drivers (blocking, threads, masks) are compiled once, for whatever the program is compiled for. The
// kernels, where the time goes, exist once per level, from one source (level/*.inl), and are chosen when an
// engine is made (level.hpp). One call does thousands of multiplications: that it goes through a pointer
// costs nothing.
#pragma once

#include <cstdint>

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/mask.hpp"
#include "proxyv/core/dtype.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

/// Levels of instructions the CPU engine has kernels for, each containing those before it.
enum class CpuLevel : std::uint8_t {
  portable,    ///< what the program, or its kernels.cpp, is compiled for
  avx2,        ///< AVX2, FMA, F16C
  avx512,      ///< AVX-512 F, BW, DQ, VL
  avx512bf16,  ///< and dot products of bf16 pairs, which an engine uses when it is asked to (Precision)
};

inline constexpr const char* cpu_level_name(CpuLevel level) {
  switch (level) {
    case CpuLevel::portable: return "portable";
    case CpuLevel::avx2: return "avx2";
    case CpuLevel::avx512: return "avx512";
    case CpuLevel::avx512bf16: return "avx512bf16";
  }
  return "a level that is none";
}

namespace detail {

using HostSegment = KeySegment<float, HostSpace>;
using HostAttention = AttentionArgs<float, HostSpace>;

struct Operand;
struct OnlineRow;

inline constexpr index_t block_depth = 512;  ///< steps of k per pass; also where sums are cut
inline constexpr int tile_rows = 6;          ///< rows of a micro-kernel's tile, at every level
inline constexpr int most_panel_cols = 64;   ///< columns of a tile at the widest level
inline constexpr index_t high_tiles = 20;    ///< from so many rows on, tiles have tile_rows or one less

struct CpuKernels {
  int panel_cols;   ///< columns of the micro-kernel's tile, and of a panel
  int narrow_cols;  ///< columns of a narrow tile, 0 where there are none
  int lanes;        ///< floats in a vector

  void (*pack_rows)(const float* x, index_t stride, int rows, index_t depth, float* out);
  void (*pack_panel)(const Operand& b, index_t j, index_t cols, index_t k0, index_t depth, float* out);
  bool (*pack_panel_plain)(const float* z, index_t stride, index_t cols, index_t depth, float* out);
  void (*pack_weight_panel)(const Operand& w, index_t j, index_t cols, index_t k0, index_t depth,
                            std::byte* out);
  void (*tile)(int rows, index_t depth, const float* a, const float* b, float* y, index_t stride, bool add,
               index_t cols);
  void (*tile_in_place)(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                        index_t stride, bool add, index_t cols);
  /// Panels of bf16 pairs; two heights alone, which are those of high_tiles rows and more.
  void (*tile_widened)(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                       index_t stride, bool add, index_t cols);
  void (*finish_tile)(Act act, const float* bias, float* y, index_t stride, index_t rows, index_t cols);
  void (*gate_tile)(float* y, index_t y_stride, const float* up, index_t up_stride, index_t rows,
                    index_t cols);
  void (*gemv)(const float* x, index_t x_stride, index_t rows, const Weight<>& w, bool add, float* y,
               index_t y_stride);
  void (*gemv_floats)(const float* x, index_t x_stride, index_t rows, index_t depth, const std::byte* w,
                      index_t w_bytes, index_t n, bool add, float* y, index_t y_stride);
  void (*row_times_panels)(const float* x, const Weight<>& w, bool add, float* y);
  void (*online_step)(OnlineRow& row, float* scores, index_t n, float scale, float* out, index_t dim);
  void (*softmax_row)(const float* x, float* y, index_t n, float scale, const std::uint8_t* table,
                      EmptyRow empty);
  void (*scale_row)(float* x, index_t n, float by);
  void (*add_weighted_rows)(const float* weights, index_t n, const float* values, index_t stride, float* out,
                            index_t dim);
  bool (*pack_narrow)(const float* z, index_t stride, index_t cols, index_t depth, float* out);
  void (*narrow_tile)(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                      index_t stride, index_t cols);
  void (*key_scores)(const Heads& heads, const float* q, const float* keys, index_t stride, index_t n,
                     float* scores, index_t n_stride);
  void (*add_key_values)(const Heads& heads, const float* weights, index_t n_stride, const float* values,
                         index_t stride, index_t n, float* sums);
  void (*rms_norm_row)(const float* x, const float* gain, float* y, index_t n, float eps);
  void (*layer_norm_row)(const float* x, const float* gain, const float* bias, float* y, index_t n,
                         float eps);
  void (*rotate_head)(float* x, const float* cosine, const float* sine, index_t half);

  // Dot products of bf16 pairs, null where the level has none: the functions of the same names with pairs in
  // place of floats, and a step of attention for some rows.
  void (*pack_row_pairs)(const float* x, index_t stride, int rows, index_t depth, float* out);
  void (*tile_pairs)(int rows, index_t pairs, const float* a, const float* b, float* y, index_t stride,
                     bool add, index_t cols);
  void (*round_rows)(const float* x, index_t stride, index_t rows, index_t depth, float* out);
  void (*tile_pairs_in_place)(int rows, index_t pairs, const float* a, index_t a_stride, const float* b,
                              float* y, index_t stride, bool add, index_t cols);
  void (*pack_key_pairs)(const Operand& b, index_t j, index_t cols, index_t k0, index_t depth, float* out);
  bool (*pack_value_pairs)(const float* z, index_t stride, index_t cols, index_t depth, float* out);
  bool (*pack_narrow_pairs)(const float* z, index_t stride, index_t cols, index_t depth, float* out);
  void (*narrow_tile_pairs)(int rows, index_t pairs, const float* a, index_t a_stride, const float* b,
                            float* y, index_t stride, index_t cols);
  void (*weigh_pairs)(OnlineRow* states, float* scores, index_t stride, int rows, index_t n, float scale,
                      float* out, index_t out_stride, index_t dim);
};

}  // namespace detail
}  // namespace proxyv::inline v0
