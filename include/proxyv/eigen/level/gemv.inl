// Part of every level (see level/all.inl): few rows of x, weights as they lie in memory.

/// sums[r * M + m] = w[r] . x[m] for R rows of weights and M rows of x.
template <class T, int R, int M>
[[gnu::noinline]] void dot_rows(const std::byte* w, index_t w_bytes, const float* x, index_t x_stride,
                                index_t depth, float* sums) {
  constexpr int size = static_cast<int>(sizeof(T));
  constexpr int packets = size == 4 ? 1 : 2;  // per step; the same for every R and M, so that bits are
  Packet sum[packets][R][M];
#pragma GCC unroll 32
  for (int i = 0; i < packets * R * M; ++i) sum[i / (R * M)][i / M % R][i % M] = splat(0.f);
  const auto step = [&](index_t k, Packet(&to)[R][M], auto count) __attribute__((always_inline)) {
    Packet a[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) a[r] = in_register(load_as_float<T>(w + r * w_bytes + k * size, count));
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Packet b = in_register(load(x + m * x_stride + k, count));
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) to[r][m] = madd(a[r], b, to[r][m]);
    }
  };
  index_t k = 0;
  for (; k + packets * lanes <= depth; k += packets * lanes) {
    if constexpr (packets == 2) __builtin_prefetch(w + k * size + prefetch_bytes);
    step(k, sum[0], whole_packet);
    if constexpr (packets == 2) step(k + lanes, sum[1], whole_packet);
  }
  for (; k < depth; k += lanes) step(k, sum[0], std::min<index_t>(lanes, depth - k));
#pragma GCC unroll 32
  for (int i = 0; i < R * M; ++i) {
    const Packet all =
        packets == 2 ? ei::padd(sum[0][i / M][i % M], sum[packets - 1][i / M][i % M]) : sum[0][i / M][i % M];
    sums[i] = ei::predux(all);
  }
}

/// y [M, n] (+)= their products, for n rows of w taken R at a time.
template <class T, int R, int M>
void dots(const float* x, index_t x_stride, index_t depth, const std::byte* w, index_t w_bytes, index_t n,
          bool add, float* y, index_t y_stride) {
  index_t j = 0;
  for (; j + R <= n; j += R) {
    float sums[R * M];
    dot_rows<T, R, M>(w + j * w_bytes, w_bytes, x, x_stride, depth, sums);
    for (int m = 0; m < M; ++m)
      for (int r = 0; r < R; ++r)
        y[m * y_stride + j + r] = add ? y[m * y_stride + j + r] + sums[r * M + m] : sums[r * M + m];
  }
  if constexpr (R > 1) {
    for (int m = 0; m < M; ++m)
      dots<T, 1, 1>(x + m * x_stride, x_stride, depth, w + j * w_bytes, w_bytes, n - j, add,
                    y + m * y_stride + j, y_stride);
  }
}

/// y [rows, n] (+)= x w^T for n rows of w, w_bytes apart.
template <class T>
void gemv_part(const float* x, index_t x_stride, index_t rows, index_t depth, const std::byte* w,
               index_t w_bytes, index_t n, bool add, float* y, index_t y_stride) {
  constexpr int single = sizeof(T) == 4 ? 4 : 1;
  constexpr int fourfold =
      lanes < 16 && single > 2 ? 2 : single;  // 16 sums and their operands take 32 registers
  constexpr index_t run = 16;                 // weight rows that stay in cache while the rows of x pass by
  for (index_t j = 0; j < n; j += run, w += run * w_bytes) {
    const index_t count = std::min(run, n - j);
    index_t m = 0;
    for (; m + 4 <= rows; m += 4)
      dots<T, fourfold, 4>(x + m * x_stride, x_stride, depth, w, w_bytes, count, add, y + m * y_stride + j,
                           y_stride);
    for (; m < rows; ++m)
      dots<T, single, 1>(x + m * x_stride, x_stride, depth, w, w_bytes, count, add, y + m * y_stride + j,
                         y_stride);
  }
}

/// The same for a weight of any element type.
inline void gemv_part(const float* x, index_t x_stride, index_t rows, const Weight<>& w, bool add, float* y,
                      index_t y_stride) {
  with_dtype(w.type(), [&]<class T>(T) {
    gemv_part<T>(x, x_stride, rows, w.cols(), static_cast<const std::byte*>(w.data()),
                 w.cols() * static_cast<index_t>(sizeof(T)), w.rows(), add, y, y_stride);
  });
}

/// y [cols] (+)= x w^T for one row of x and one packed panel. Sums are cut where those of gemm() are.
template <class T>
[[gnu::noinline]] void row_times_panel(const float* x, index_t depth, const std::byte* panel, bool add,
                                       float* y, index_t cols) {
  constexpr int together = sizeof(T) == 4 ? 1 : 2;  // steps of k in a vector of the panel
  constexpr int bytes = lanes * 4;
  alignas(64) float total[panel_cols];
  for (index_t k0 = 0; k0 < depth; k0 += block_depth) {
    Packet sum[tile_packets];
#pragma GCC unroll 4
    for (int v = 0; v < tile_packets; ++v) sum[v] = splat(0.f);
    const index_t end = std::min(k0 + block_depth, depth);
    for (index_t k = k0; k < end; k += together, panel += tile_packets * bytes) {
#pragma GCC unroll 4
      for (int v = 0; v < tile_packets; v += (lanes == 16 ? 1 : 2))
        __builtin_prefetch(panel + panel_prefetch + v * bytes);
      const Packet first = splat(x[k]), second = splat(together == 2 && k + 1 < end ? x[k + 1] : 0.f);
#pragma GCC unroll 4
      for (int v = 0; v < tile_packets; ++v) {
        const Packet w = load_words(panel + v * bytes);
        if constexpr (together == 1) {
          sum[v] = madd(first, w, sum[v]);
        } else {
          sum[v] = madd(first, first_of_pairs<T>(w), sum[v]);
          sum[v] = madd(second, second_of_pairs<T>(w), sum[v]);
        }
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < tile_packets; ++v)
      store(total + v * lanes, k0 == 0 ? sum[v] : ei::padd(sum[v], load(total + v * lanes)));
  }
  for (index_t j = 0; j < cols; ++j) y[j] = add ? y[j] + total[j] : total[j];
}

/// y [n] (+)= x w^T for one row of x and a packed weight.
inline void row_times_panels(const float* x, const Weight<>& w, bool add, float* y) {
  const index_t panel_bytes = w.stored_cols() * panel_cols * static_cast<index_t>(dtype_size(w.type()));
  const auto* panel = static_cast<const std::byte*>(w.data());
  for (index_t j = 0; j < w.rows(); j += panel_cols, panel += panel_bytes)
    with_dtype(w.type(), [&]<class T>(T) {
      row_times_panel<T>(x, w.cols(), panel, add, y + j, std::min<index_t>(panel_cols, w.rows() - j));
    });
}
