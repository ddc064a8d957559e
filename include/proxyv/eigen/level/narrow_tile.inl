// Part of every level (see level/all.inl): tiles of half a panel's columns, for any way of multiplying and
// adding.

inline constexpr int narrow_packets = tile_packets == 4 ? 2 : 0;
inline constexpr int narrow_cols = narrow_packets * lanes;

/// y [R, cols] += a b, a's rows as they lie, a_stride apart, b by pack_narrow.
template <class Products, int R, int packets>
[[gnu::noinline]] void narrow_rows(index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                                   index_t stride, index_t cols) {
  Packet sum[R][packets];  // in registers: every loop over it is unrolled, every index a constant
#pragma GCC unroll 12
  for (int i = 0; i < R * packets; ++i) sum[i / packets][i % packets] = splat(0.f);
  const float* a3 = R > 3 ? a + 3 * a_stride : a;  // two pointers: six rows without a multiplication
  for (index_t k = 0; k < depth; ++k, ++a, ++a3, b += packets * lanes) {
    Packet x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = splat(r < 3 ? a[r * a_stride] : a3[(r - 3) * a_stride]);
    Packet w[packets];
#pragma GCC unroll 2
    for (int v = 0; v < packets; ++v) w[v] = ei::pload<Packet>(b + v * lanes);
#pragma GCC unroll 12
    for (int i = 0; i < R * packets; ++i)
      sum[i / packets][i % packets] =
          Products::add(x[i / packets], w[i % packets], sum[i / packets][i % packets]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    alignas(64) float row[packets * lanes];
#pragma GCC unroll 2
    for (int v = 0; v < packets; ++v) store(row + v * lanes, sum[r][v]);
    float* to = y + r * stride;
    each_packet(cols, [&](index_t j, auto count) {
      store(to + j, ei::padd(load(to + j, count), load(row + j)), count);
    });
  }
}

/// Empty for a level without narrow tiles: their kernels are not compiled there.
template <class Products, int packets>
void narrow_tile(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                 index_t stride, index_t cols) {
  if constexpr (packets > 0) {
    switch (rows) {
      case 1: return narrow_rows<Products, 1, packets>(depth, a, a_stride, b, y, stride, cols);
      case 2: return narrow_rows<Products, 2, packets>(depth, a, a_stride, b, y, stride, cols);
      case 3: return narrow_rows<Products, 3, packets>(depth, a, a_stride, b, y, stride, cols);
      case 4: return narrow_rows<Products, 4, packets>(depth, a, a_stride, b, y, stride, cols);
      case 5: return narrow_rows<Products, 5, packets>(depth, a, a_stride, b, y, stride, cols);
      default: return narrow_rows<Products, 6, packets>(depth, a, a_stride, b, y, stride, cols);
    }
  }
}
