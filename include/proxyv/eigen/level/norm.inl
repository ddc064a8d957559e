// Part of every level (see level/all.inl): normalisation of a row.

/// One row; y may be x.
inline void rms_norm_row(const float* x, const float* gain, float* y, index_t n, float eps) {
  const double squares = sum_packets(n, [&](index_t i, auto count) {
    const Packet v = load(x + i, count);
    return ei::pmul(v, v);
  });
  const Packet scale =
      splat(static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + double{eps})));
  each_packet(n, [&](index_t i, auto count) {
    store(y + i, ei::pmul(ei::pmul(load(x + i, count), scale), load(gain + i, count)), count);
  });
}

/// One row; y may be x. The mean is kept in two floats: rows of nearly equal values lose nothing.
inline void layer_norm_row(const float* x, const float* gain, const float* bias, float* y, index_t n,
                           float eps) {
  const double sum = sum_packets(n, [&](index_t i, auto count) { return load(x + i, count); });
  const auto high = static_cast<float>(sum / static_cast<double>(n));
  const double rest =
      sum_packets(n, [&](index_t i, auto count) { return ei::psub(load(x + i, count, high), splat(high)); });
  const auto low = static_cast<float>(rest / static_cast<double>(n));
  const double squares = sum_packets(n, [&](index_t i, auto count) {
    const Packet v = ei::psub(ei::psub(load(x + i, count, high), splat(high)), splat(low));
    return ei::pmul(v, v);
  });
  const index_t missing = (lanes - n % lanes) % lanes;  // lanes that held `high`, not the mean
  const double variance =
      (squares - static_cast<double>(missing) * double{low * low}) / static_cast<double>(n);
  const Packet scale = splat(static_cast<float>(1.0 / std::sqrt(variance + double{eps})));
  each_packet(n, [&](index_t i, auto count) {
    const Packet v = ei::pmul(ei::psub(ei::psub(load(x + i, count), splat(high)), splat(low)), scale);
    store(y + i, madd(v, load(gain + i, count), load(bias + i, count)), count);
  });
}
