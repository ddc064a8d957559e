// Part of every level (see level/all.inl): weighted sums of rows of values.

/// out [P * lanes] += sum of weight[k] * values[k]; rows of weight 0 are not looked at.
template <int P>
[[gnu::noinline]] void add_weighted(const float* weights, index_t n, const float* values, index_t stride,
                                    float* out) {
  Packet sum[P];
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) sum[i] = load(out + i * lanes);
  for (index_t k = 0; k < n; ++k) {
    if (weights[k] == 0.f) continue;
    const float* row = values + k * stride;
    for (int i = 0; i < P * lanes; i += 16) __builtin_prefetch(row + 8 * stride + i);
    const Packet w = splat(weights[k]);
#pragma GCC unroll 8
    for (int i = 0; i < P; ++i) sum[i] = madd(w, load(row + i * lanes), sum[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) store(out + i * lanes, sum[i]);
}

inline void add_weighted_rows(const float* weights, index_t n, const float* values, index_t stride,
                              float* out, index_t dim) {
  index_t d = 0;
  for (; d + 8 * lanes <= dim; d += 8 * lanes) add_weighted<8>(weights, n, values + d, stride, out + d);
  for (; d + 2 * lanes <= dim; d += 2 * lanes) add_weighted<2>(weights, n, values + d, stride, out + d);
  for (; d + lanes <= dim; d += lanes) add_weighted<1>(weights, n, values + d, stride, out + d);
  if (d == dim) return;
  for (index_t k = 0; k < n; ++k) {
    if (weights[k] == 0.f) continue;
    for (index_t i = d; i < dim; ++i) out[i] += weights[k] * values[k * stride + i];
  }
}
