// Part of every level (see level/all.inl): the micro-kernel, for any way of multiplying and adding.

/// y [R, cols] (+)= a b: element (row, k) of a is a[row * a_row + k * a_step]; a packet of b holds
/// Products::together steps of k.
template <class Products, int R>
[[gnu::noinline]] void tile_of(index_t depth, const float* a, index_t a_row, index_t a_step, const float* b,
                               float* y, index_t stride, bool add, index_t cols) {
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
  const float* a3 = R > 3 ? a + 3 * a_row : a;  // two pointers: six rows without a multiplication
  const auto step = [&](auto second) __attribute__((always_inline)) {
    Packet w[tile_packets];
#pragma GCC unroll 8
    for (int v = 0; v < tile_packets; ++v) w[v] = Products::template load<second()>(b + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Packet x = splat(r < 3 ? a[r * a_row] : a3[(r - 3) * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < tile_packets; ++v) sum[r][v] = Products::add(x, w[v], sum[r][v]);
    }
    a += a_step;
    a3 += a_step;
  };
  if constexpr (Products::together == 1) {
    for (index_t k = 0; k < depth; ++k, b += panel_cols) step(std::false_type{});
  } else {
    index_t k = 0;
    for (; k + 2 <= depth; k += 2, b += panel_cols) {
      step(std::false_type{});
      step(std::true_type{});
    }
    if (k < depth) step(std::false_type{});
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
void tile_at(int rows, index_t depth, const float* a, index_t a_row, index_t a_step, const float* b, float* y,
             index_t stride, bool add, index_t cols) {
  switch (rows) {
    case 1: return tile_of<Products, 1>(depth, a, a_row, a_step, b, y, stride, add, cols);
    case 2: return tile_of<Products, 2>(depth, a, a_row, a_step, b, y, stride, add, cols);
    case 3: return tile_of<Products, 3>(depth, a, a_row, a_step, b, y, stride, add, cols);
    case 4: return tile_of<Products, 4>(depth, a, a_row, a_step, b, y, stride, add, cols);
    case 5: return tile_of<Products, 5>(depth, a, a_row, a_step, b, y, stride, add, cols);
    default: return tile_of<Products, 6>(depth, a, a_row, a_step, b, y, stride, add, cols);
  }
}

/// y [rows, cols] (+)= a b, a by pack_rows.
template <class Products>
void tile(int rows, index_t depth, const float* a, const float* b, float* y, index_t stride, bool add,
          index_t cols) {
  tile_at<Products>(rows, depth, a, 1, rows, b, y, stride, add, cols);
}

/// The same, a's rows as they lie, a_stride apart.
template <class Products>
void tile_in_place(int rows, index_t depth, const float* a, index_t a_stride, const float* b, float* y,
                   index_t stride, bool add, index_t cols) {
  tile_at<Products>(rows, depth, a, a_stride, 1, b, y, stride, add, cols);
}
