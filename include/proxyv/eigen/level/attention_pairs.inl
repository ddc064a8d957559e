// Part of the level of bf16 pairs (avx512bf16.hpp): what a prompt's attention needs besides pack_row_pairs
// and tile_pairs. Keys are pairs along the head's dimension; values and weights, pairs of neighbouring keys.

/// The lanes of a packet that hold the first n floats of a run.
[[gnu::always_inline]] inline __mmask16 first_lanes(index_t n) {
  return n >= lanes ? ei::every : n <= 0 ? __mmask16{0} : static_cast<__mmask16>((1u << n) - 1u);
}

/// Thirty-two floats rounded to nearest, those of `low` before those of `high`.
[[gnu::always_inline]] inline Packet rounded(Packet low, Packet high) {
  const __m512bh halves = _mm512_cvtne2ps_pbh(high, low);
  Packet out;
  std::memcpy(&out, &halves, sizeof out);
  return out;
}

/// Lane i: the pair (first[i], second[i]) rounded to nearest.
[[gnu::always_inline]] inline Packet paired(Packet first, Packet second) {
  alignas(64) static constexpr std::int16_t order[2 * lanes] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                                21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                                11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = _mm512_castps_si512(rounded(first, second));
  return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(~__mmask32{0}, _mm512_load_si512(order), halves));
}

/// Sixteen rows of keys, `rows` of which are there: pairs [k / 2] of each, side by side, panel_cols apart.
[[gnu::always_inline]] inline void pack_sixteen_keys(const float* keys, index_t stride, index_t rows,
                                                     index_t depth, float* out) {
  for (index_t k = 0; k < depth; k += 2 * lanes) {
    const __mmask16 low = first_lanes(depth - k), high = first_lanes(depth - k - lanes);
    const index_t second = high != 0 ? lanes : 0;
    avx512::Transpose pairs;
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      const float* key = keys + std::min<index_t>(i, rows - 1) * stride + k;
      const __mmask16 there = i < rows ? ei::every : __mmask16{0};
      // A head's part of the next sixteen keys: rows too far apart for the processor to foresee.
      __builtin_prefetch(key + 2 * lanes * stride, 0, 2);
      __builtin_prefetch(key + 2 * lanes * stride + lanes, 0, 2);
      pairs.packet[i] =
          rounded(_mm512_maskz_loadu_ps(low & there, key), _mm512_maskz_loadu_ps(high & there, key + second));
    }
    ei::ptranspose(pairs);
    const index_t steps = std::min<index_t>(lanes, (depth - k + 1) / 2);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
      if (i < steps) store(out + (k / 2 + i) * panel_cols, pairs.packet[i]);
  }
}

/// out[k / 2][column] = the pair (key[k], key[k + 1]) rounded to bf16, for keys [j, j + cols) of f32 rows and
/// steps [k0, k0 + depth); missing columns, and the second of an odd depth's last pair, are 0.
inline void pack_key_pairs(const Operand& b, index_t j, index_t cols, index_t k0, index_t depth, float* out) {
  const float* keys = reinterpret_cast<const float*>(b.data) + j * b.stride + k0;
  for (index_t i = 0; i < panel_cols; i += lanes) {
    if (i < cols) {
      pack_sixteen_keys(keys + i * b.stride, b.stride, cols - i, depth, out + i);
    } else {
      for (index_t k = 0; k < depth; k += 2) store(out + k / 2 * panel_cols + i, avx512::splat(0.f));
    }
  }
}

/// out[k / 2][column] = the pair (z[k][column], z[k + 1][column]) rounded to bf16, for `cols` columns of z
/// [depth, cols] in panels P packets wide; what is missing is 0. False when a rounded value is not finite.
template <int P>
bool pack_value_pairs(const float* z, index_t stride, index_t cols, index_t depth, float* out) {
  __mmask16 there[P];
  index_t at[P];
#pragma GCC unroll 4
  for (int v = 0; v < P; ++v) {
    there[v] = first_lanes(cols - v * lanes);
    at[v] = there[v] != 0 ? v * lanes : 0;
  }
  Packet any = avx512::splat(0.f);  // finite * 0 = 0, anything else gives NaN
  for (index_t k = 0; k < depth; k += 2, z += 2 * stride, out += P * lanes) {
    const bool two = k + 1 < depth;
    const float* next = two ? z + stride : z;
#pragma GCC unroll 4
    for (int v = 0; v < P; ++v) {
      __builtin_prefetch(z + 32 * stride + at[v], 0, 2);
      __builtin_prefetch(next + 32 * stride + at[v], 0, 2);
      const Packet pairs = paired(_mm512_maskz_loadu_ps(there[v], z + at[v]),
                                  _mm512_maskz_loadu_ps(two ? there[v] : __mmask16{0}, next + at[v]));
      any = PairProducts::add(pairs, avx512::splat(0.f), any);
      store(out + v * lanes, pairs);
    }
  }
  return ei::predux(any) == 0.f;
}

/// 2^x for x <= 0, to within 1.1e-4 of itself: a thirtieth of what rounding to bf16 may cost. Exactly 0 for
/// -infinity.
[[gnu::always_inline]] inline Packet short_exp2(Packet x) {
  constexpr int down = 9;  // what remains of x above the next lower whole number
  const Packet r = _mm512_maskz_reduce_ps(ei::every, x, down);
  Packet p = avx512::splat(0.07826797f);
  p = avx512::madd(p, r, avx512::splat(0.22630768f));
  p = avx512::madd(p, r, avx512::splat(0.69542435f));
  p = avx512::madd(p, r, avx512::splat(1.f));
  return _mm512_maskz_scalef_ps(ei::every, p, x);  // p * 2^floor(x)
}

/// A row's scores [n], n a multiple of lanes, as weights rounded to bf16; returns the sum of the unrounded
/// ones.
[[gnu::always_inline]] inline float weights_of(const float* scores, index_t n, float scale, float top,
                                               float* out) {
  const Packet s = avx512::splat(scale), shift = avx512::splat(-top);
  Packet even = avx512::splat(0.f), odd = even;
  for (index_t k = 0; k < n; k += 2 * lanes, out += lanes) {
    const Packet low = short_exp2(avx512::madd(load(scores + k), s, shift));
    const Packet high =
        k + lanes < n ? short_exp2(avx512::madd(load(scores + k + lanes), s, shift)) : avx512::splat(0.f);
    even = ei::padd(even, low);
    odd = ei::padd(odd, high);
    store(out, rounded(low, high));
  }
  return ei::predux(ei::padd(even, odd));
}

/// The largest of each row's scores [n], n a multiple of lanes: all rows in turn, so that one does not wait
/// for another.
template <int R>
[[gnu::always_inline]] inline void row_tops(const float* scores, index_t stride, index_t n, float* tops) {
  Packet top[R];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) top[r] = load(scores + r * stride);
  for (index_t k = lanes; k < n; k += lanes) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) top[r] = ei::pmax(top[r], load(scores + r * stride + k));
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) tops[r] = ei::predux_max(top[r]);
}

/// online_step() for `rows` <= tile_rows rows of scores `stride` apart. Each row's weights, pairs of
/// neighbours rounded to bf16, take the first half of its scores' place. Hidden scores are -infinity, up to n
/// rounded up to whole packets.
inline void weigh_pairs(OnlineRow* states, float* scores, index_t stride, int rows, index_t n, float scale,
                        float* out, index_t out_stride, index_t dim) {
  const index_t whole = (n + lanes - 1) / lanes * lanes;
  float tops[tile_rows];
  if (rows == tile_rows) row_tops<tile_rows>(scores, stride, whole, tops);
  else
    for (int row = 0; row < rows; ++row) row_tops<1>(scores + row * stride, stride, whole, tops + row);
  for (int row = 0; row < rows; ++row) {
    float* mine = scores + row * stride;
    avx512::online_raise(states[row], mine, whole, tops[row], scale, out + row * out_stride, dim);
    states[row].sum += weights_of(mine, whole, scale, states[row].reference(), mine);
  }
}
