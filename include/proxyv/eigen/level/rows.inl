// Part of every level (see level/all.inl): sums and maxima of a row.

/// Sum of f(offset, count) over a row of n; f gives a packet whose missing lanes are 0.
/// Four sums in flight, short runs added up in double: the error does not grow with n.
template <class F>
double sum_packets(index_t n, F&& f) {
  constexpr index_t run = 32 * lanes;
  double total = 0.0;
  index_t i = 0;
  while (n - i >= 4 * lanes) {
    const index_t end = i + (n - i < run ? (n - i) / (4 * lanes) * (4 * lanes) : run);
    Packet sum[4];
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) sum[u] = splat(0.f);
    for (; i < end; i += 4 * lanes) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; ++u) sum[u] = ei::padd(sum[u], f(i + u * lanes, whole_packet));
    }
    total += double{ei::predux(ei::padd(ei::padd(sum[0], sum[1]), ei::padd(sum[2], sum[3])))};
  }
  Packet rest = splat(0.f);
  each_packet(n - i, [&](index_t j, auto count) { rest = ei::padd(rest, f(i + j, count)); });
  return total + double{ei::predux(rest)};
}

/// Largest element, -infinity for an empty row.
inline float row_max(const float* x, index_t n) {
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  Packet a = splat(lowest), b = a;
  index_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = ei::pmax(a, load(x + i));
    b = ei::pmax(b, load(x + i + lanes));
  }
  each_packet(n - i, [&](index_t j, auto count) { a = ei::pmax(a, load(x + i + j, count, lowest)); });
  return ei::predux_max(ei::pmax(a, b));
}
