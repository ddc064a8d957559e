// Part of every level (see level/all.inl): softmax of a row, and one online step of attention.

struct PowerOfTwo {
  [[gnu::always_inline]] static Packet of(Packet v) { return packet_exp2(v); }
};
struct PowerOfE {
  [[gnu::always_inline]] static Packet of(Packet v) { return packet_exp(v); }
};

/// y = power(scale * x - top), top being the largest; returns the sum. y may be x.
template <class Power>
[[gnu::always_inline]] inline float power_row(const float* x, float* y, index_t n, float scale, float top) {
  Packet sum = splat(0.f);
  const Packet s = splat(scale), shift = splat(-top);
  index_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Packet e = Power::of(madd(load(x + i), s, shift));
    sum = ei::padd(sum, e);
    store(y + i, e);
  }
  float total = ei::predux(sum);
  if (i < n) {
    alignas(64) float lane[lanes];
    store(lane, Power::of(madd(load_part(x + i, n - i), s, shift)));
    for (index_t j = i; j < n; ++j) total += y[j] = lane[j - i];
  }
  return total;
}

inline float exp2_row(const float* x, float* y, index_t n, float scale, float top) {
  return power_row<PowerOfTwo>(x, y, n, scale, top);
}
inline float exp_row(const float* x, float* y, index_t n, float scale, float top) {
  return power_row<PowerOfE>(x, y, n, scale, top);
}

inline void scale_row(float* x, index_t n, float by) {
  const Packet s = splat(by);
  each_packet(n, [&](index_t i, auto count) { store(x + i, ei::pmul(load(x + i, count), s), count); });
}

/// Takes the next n raw scores into account, the largest of which is `largest` and their weights
/// 2^(scale * score): brings the sum and `out` [dim], the weighted values so far, to the new top. Hidden
/// scores are -infinity.
inline void online_raise(OnlineRow& row, const float* scores, index_t n, float largest, float scale,
                         float* out, index_t dim) {
  float larger = std::max(row.top, largest * scale);
  if (larger == minus_infinity) {
    // Nothing visible yet, or only scores that are not numbers: those must show.
    const float* broken = first_nan(scores, n);
    if (broken == scores + n) return;
    larger = *broken;
  }
  if (larger == row.top) return;
  const float shrink = row.top == minus_infinity ? 0.f : std::exp2(row.top - larger);
  row.sum *= shrink;
  if (row.top != minus_infinity) scale_row(out, dim, shrink);
  row.top = larger;
}

/// online_raise() of this level (no look-up by argument), and the scores become weights: hidden ones exactly
/// 0.
inline void online_step(OnlineRow& row, float* scores, index_t n, float scale, float* out, index_t dim) {
  (online_raise)(row, scores, n, row_max(scores, n), scale, out, dim);
  row.sum += exp2_row(scores, scores, n, scale, row.reference());
}

/// y = softmax(scale * x) over the visible entries; y may be x, table may be null.
inline void softmax_row(const float* x, float* y, index_t n, float scale, const std::uint8_t* table,
                        EmptyRow empty) {
  const float* from = x;
  float factor = scale;
  if (table != nullptr || scale < 0.f) {
    for (index_t j = 0; j < n; ++j) y[j] = table == nullptr || table[j] != 0 ? x[j] * scale : minus_infinity;
    from = y;
    factor = 1.f;
  }
  const float top = row_max(from, n) * factor;
  if (top == minus_infinity) return softmax_of_nothing(y, n, table, empty);
  const float total = exp_row(from, y, n, factor, top);
  scale_row(y, n, 1.f / total);
}
