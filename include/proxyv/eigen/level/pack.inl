// Part of every level (see level/all.inl): operands in the order in which the micro-kernel reads them.

/// The micro-kernel's tile: tile_rows x panel_cols accumulators, held in registers.
inline constexpr int tile_packets = lanes == 16 ? 4 : 2;
inline constexpr int panel_cols = tile_packets * lanes;

/// out[k][row] for `rows` <= tile_rows rows of x and k < depth.
/// Writes up to a packet of rubbish behind the last element: runs are packed in ascending order.
inline void pack_rows(const float* x, index_t stride, int rows, index_t depth, float* out) {
  constexpr int groups = (tile_rows + short_lanes - 1) / short_lanes;
  index_t k = 0;
  if constexpr (lanes > 1) {
    for (; k + short_lanes <= depth; k += short_lanes, out += short_lanes * rows) {
      // The rows of the next tile, one cache line each.
      if (k % 16 == 0) {
        for (int row = 0; row < rows; ++row) __builtin_prefetch(x + (rows + row) * stride + k);
      }
      ShortTranspose block[groups];
#pragma GCC unroll 8
      for (int g = 0; g < groups; ++g) {
#pragma GCC unroll 8
        for (int i = 0; i < short_lanes; ++i) {
          const int row = g * short_lanes + i;
          block[g].packet[i] = ei::pset1<ShortPacket>(0.f);
          if (row < tile_rows && row < rows)
            block[g].packet[i] = ei::ploadu<ShortPacket>(x + row * stride + k);
        }
        ei::ptranspose(block[g]);
      }
      // Each store's lanes beyond the rows are overwritten by the next one.
#pragma GCC unroll 8
      for (int i = 0; i < short_lanes; ++i) {
#pragma GCC unroll 8
        for (int g = 0; g < groups; ++g) {
          if (g * short_lanes < rows) ei::pstoreu(out + i * rows + g * short_lanes, block[g].packet[i]);
        }
      }
    }
  }
  for (; k < depth; ++k)
    for (int row = 0; row < rows; ++row) *out++ = x[row * stride + k];
}

/// One vector's columns of a panel: out[k * panel_cols + lane] from `lanes` rows of w.
template <class T>
void pack_lanes(const std::byte* w, index_t stride_bytes, index_t depth, float* out) {
  constexpr int size = static_cast<int>(sizeof(T));
  index_t k = 0;
  if constexpr (std::is_same_v<T, bf16>) {
    // Transposed as pairs of neighbours, widened afterwards: half the shuffles, whole cache lines.
    for (; k + 2 * lanes <= depth; k += 2 * lanes) {
      Transpose pairs;
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) pairs.packet[i] = load_words(w + i * stride_bytes + k * size);
      ei::ptranspose(pairs);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        store(out + (k + 2 * i) * panel_cols, widen_first(pairs.packet[i]));
        store(out + (k + 2 * i + 1) * panel_cols, widen_second(pairs.packet[i]));
      }
    }
  }
  for (; k + lanes <= depth; k += lanes) {
    Transpose block;
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) block.packet[i] = load_as_float<T>(w + i * stride_bytes + k * size);
    ei::ptranspose(block);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) store(out + (k + i) * panel_cols, block.packet[i]);
  }
  for (; k < depth; ++k)
    for (int i = 0; i < lanes; ++i) out[k * panel_cols + i] = element_at<T>(w + i * stride_bytes + k * size);
}

/// out[k][column] for `cols` <= panel_cols rows of w; missing columns are 0.
template <class T>
void pack_panel_of(const std::byte* w, index_t stride, index_t cols, index_t depth, float* out) {
  const index_t stride_bytes = stride * static_cast<index_t>(sizeof(T));
  index_t j = 0;
  for (; j + lanes <= cols; j += lanes) pack_lanes<T>(w + j * stride_bytes, stride_bytes, depth, out + j);
  for (; j < panel_cols; ++j) {
    const std::byte* row = w + j * stride_bytes;
    for (index_t k = 0; k < depth; ++k)
      out[k * panel_cols + j] = j < cols ? element_at<T>(row + k * static_cast<index_t>(sizeof(T))) : 0.f;
  }
}

/// The same from z [k, n]: whole runs of columns, no transposition. False when an element is not finite.
inline bool pack_panel_plain(const float* z, index_t stride, index_t cols, index_t depth, float* out) {
  Packet any[tile_packets];  // finite * 0 = 0, anything else gives NaN
#pragma GCC unroll 4
  for (int v = 0; v < tile_packets; ++v) any[v] = splat(0.f);
  for (index_t k = 0; k < depth; ++k, z += stride, out += panel_cols) {
    if (cols == panel_cols) {
#pragma GCC unroll 4
      for (int v = 0; v < tile_packets; ++v) {
        const Packet p = load(z + v * lanes);
        any[v] = madd(p, splat(0.f), any[v]);
        store(out + v * lanes, p);
      }
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < tile_packets; ++v) {
        const index_t left = cols - v * lanes;
        const Packet p = left > 0 ? load_part(z + v * lanes, std::min<index_t>(left, lanes)) : splat(0.f);
        any[v] = madd(p, splat(0.f), any[v]);
        store(out + v * lanes, p);
      }
    }
  }
  Packet all = any[0];
#pragma GCC unroll 4
  for (int v = 1; v < tile_packets; ++v) all = ei::padd(all, any[v]);
  return ei::predux(all) == 0.f;
}

/// A packed panel of 16-bit elements as floats, out[k][column]; writes one step more when depth is odd.
template <class T>
void widen_panel(const std::byte* panel, index_t depth, float* out) {
  constexpr int pairs = lanes * 4;  // bytes
  for (index_t k = 0; k < depth; k += 2, panel += tile_packets * pairs, out += 2 * panel_cols) {
#pragma GCC unroll 4
    for (int v = 0; v < tile_packets; ++v) {
      const Packet both = load_words(panel + v * pairs);
      store(out + v * lanes, first_of_pairs<T>(both));
      store(out + panel_cols + v * lanes, second_of_pairs<T>(both));
    }
  }
}

/// Columns [j, j + cols) of the operand, k in [k0, k0 + depth), as a panel.
inline void pack_panel(const Operand& b, index_t j, index_t cols, index_t k0, index_t depth, float* out) {
  if (b.packed) {
    const std::byte* panel = b.panel(j, k0, panel_cols);
    return b.type == DType::bf16 ? widen_panel<bf16>(panel, depth, out) : widen_panel<f16>(panel, depth, out);
  }
  if (!b.columns_are_rows) {
    pack_panel_plain(reinterpret_cast<const float*>(b.data) + k0 * b.stride + j, b.stride, cols, depth, out);
    return;
  }
  const index_t at = (j * b.stride + k0) * static_cast<index_t>(dtype_size(b.type));
  with_dtype(b.type, [&]<class T>(T) { pack_panel_of<T>(b.data + at, b.stride, cols, depth, out); });
}

/// One vector's rows of a 16-bit weight as pairs of neighbours: transposed as 32-bit words.
inline void pack_pairs(const std::byte* w, index_t stride_bytes, index_t depth, std::byte* out) {
  constexpr int word = 4;
  index_t k = 0;
  for (; k + 2 * lanes <= depth; k += 2 * lanes) {
    Transpose pairs;
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) pairs.packet[i] = load_words(w + i * stride_bytes + k * 2);
    ei::ptranspose(pairs);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) store_words(out + (k / 2 + i) * panel_cols * word, pairs.packet[i]);
  }
  for (; k < depth; k += 2)
    for (int i = 0; i < lanes; ++i)
      copy_bytes(out + (k / 2 * panel_cols + i) * word, w + i * stride_bytes + k * 2,
                 depth - k == 1 ? 2 : word);
}

/// Columns [j, j + cols) of a weight's rows, steps [k0, k0 + depth), in a packed panel's order (packed_at);
/// what is missing of the panel is 0.
inline void pack_weight_panel(const Operand& w, index_t j, index_t cols, index_t k0, index_t depth,
                              std::byte* out) {
  const auto size = static_cast<index_t>(dtype_size(w.type));
  const index_t stored = depth + depth % 2;
  const std::byte* from = w.data + (j * w.stride + k0) * size;
  if (w.type == DType::f32) {
    void* floats = out;
    pack_panel_of<float>(from, w.stride, cols, depth, static_cast<float*>(floats));
    if (stored > depth) zero_bytes(out + depth * panel_cols * size, panel_cols * size);
    return;
  }
  if (cols < panel_cols || stored > depth) zero_bytes(out, panel_cols * stored * size);
  index_t i = 0;
  for (; i + lanes <= cols; i += lanes)
    pack_pairs(from + i * w.stride * size, w.stride * size, depth, out + i * 2 * size);
  for (; i < cols; ++i)
    for (index_t k = 0; k < depth; ++k)
      copy_bytes(out + packed_at(w.type, panel_cols, i, k) * size, from + (i * w.stride + k) * size, 2);
}
