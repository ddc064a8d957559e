// Part of every level (see level/all.inl): the micro-kernel of floats.

struct FloatProducts {
  [[gnu::always_inline]] static Packet add(Packet a, Packet b, Packet sum) { return madd(a, b, sum); }
};

#include "proxyv/eigen/level/tile.inl"

inline void kernel(int rows, index_t depth, const float* a, const float* b, float* y, index_t stride,
                   bool add, index_t cols) {
  tile<FloatProducts>(rows, depth, a, b, y, stride, add, cols);
}
