// Part of every level (see level/all.inl): the micro-kernel, for any way of multiplying and adding.

template <class Products, int R>
[[gnu::noinline]] void tile_of(index_t depth, const float* a, const float* b, float* y, index_t stride,
                               bool add, index_t cols) {
  if (cols == panel_cols) {
    for (int i = 0; i < R * panel_cols; i += 16)
      __builtin_prefetch(y + i / panel_cols * stride + i % panel_cols, 1);
  }
  Packet sum[R][tile_packets];  // in registers: every loop over it is unrolled, every index a constant
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < tile_packets; ++v) sum[r][v] = splat(0.f);
  }
  for (index_t k = 0; k < depth; ++k, a += R, b += panel_cols) {
    Packet w[tile_packets];
#pragma GCC unroll 8
    for (int v = 0; v < tile_packets; ++v) w[v] = ei::pload<Packet>(b + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Packet x = splat(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < tile_packets; ++v) sum[r][v] = Products::add(x, w[v], sum[r][v]);
    }
  }
  if (cols == panel_cols) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < tile_packets; ++v) {
        float* to = y + r * stride + v * lanes;
        store(to, add ? ei::padd(sum[r][v], load(to)) : sum[r][v]);
      }
    }
    return;
  }
  alignas(64) float row[panel_cols];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < tile_packets; ++v) store(row + v * lanes, sum[r][v]);
    float* to = y + r * stride;
    for (index_t j = 0; j < cols; ++j) to[j] = add ? row[j] + to[j] : row[j];
  }
}

template <class Products>
void tile(int rows, index_t depth, const float* a, const float* b, float* y, index_t stride, bool add,
          index_t cols) {
  switch (rows) {
    case 1: return tile_of<Products, 1>(depth, a, b, y, stride, add, cols);
    case 2: return tile_of<Products, 2>(depth, a, b, y, stride, add, cols);
    case 3: return tile_of<Products, 3>(depth, a, b, y, stride, add, cols);
    case 4: return tile_of<Products, 4>(depth, a, b, y, stride, add, cols);
    case 5: return tile_of<Products, 5>(depth, a, b, y, stride, add, cols);
    default: return tile_of<Products, 6>(depth, a, b, y, stride, add, cols);
  }
}
