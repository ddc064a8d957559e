// Part of every level (see level/all.inl): the micro-kernel of floats.

struct FloatProducts {
  static constexpr int together = 1;  // steps of k in a packet of the panel
  template <bool Second>
  [[gnu::always_inline]] static Packet load(const float* b) {
    return ei::pload<Packet>(b);
  }
  [[gnu::always_inline]] static Packet add(Packet a, Packet b, Packet sum) { return madd(a, b, sum); }
};

/// Panels of bf16 pairs, widened on the way to their multiplications.
struct WidenedProducts : FloatProducts {
  static constexpr int together = 2;
  template <bool Second>
  [[gnu::always_inline]] static Packet load(const float* b) {
    const Packet pairs = ei::pload<Packet>(b);
    return Second ? widen_second(pairs) : widen_first(pairs);
  }
};

#include "proxyv/eigen/level/tile.inl"

inline void kernel(int rows, index_t depth, const float* a, const float* b, float* y, index_t stride,
                   bool add, index_t cols) {
  tile<FloatProducts>(rows, depth, a, b, y, stride, add, cols);
}

/// tile_in_place for panels of bf16 pairs, with tile_rows - 1 or tile_rows rows of x.
inline void tile_widened(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                         index_t stride, bool add, index_t cols) {
  if (rows < tile_rows)
    tile_of<WidenedProducts, tile_rows - 1>(depth, a, a_stride, 1, b, y, stride, add, cols);
  else tile_of<WidenedProducts, tile_rows>(depth, a, a_stride, 1, b, y, stride, add, cols);
}
