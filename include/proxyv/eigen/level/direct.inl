// Part of every level (see level/all.inl): one query against a run of keys, all heads of a key in turn, so
// that keys and values are read in the order in which they lie in memory.

/// scores[h * n_stride + k] = q's head h . its key/value head of key k, for n keys.
inline void key_scores(const Heads& heads, const float* q, const float* keys, index_t stride, index_t n,
                       float* scores, index_t n_stride) {
  const index_t group = heads.query / heads.kv, dim = heads.dim;
  for (index_t k = 0; k < n; ++k) {
    const float* key = keys + k * stride;
    const float* query = q;
    float* to = scores + k;
    for (index_t kv = 0; kv < heads.kv; ++kv, key += dim) {
      for (index_t g = 0; g < group; ++g, query += dim, to += n_stride) {
        Packet even = splat(0.f), odd = even;
        index_t d = 0;
        for (; d + 2 * lanes <= dim; d += 2 * lanes) {
          even = madd(load(key + d), load(query + d), even);
          odd = madd(load(key + d + lanes), load(query + d + lanes), odd);
        }
        each_packet(dim - d, [&](index_t i, auto count) {
          even = madd(load(key + d + i, count), load(query + d + i, count), even);
        });
        *to = ei::predux(ei::padd(even, odd));
      }
    }
  }
}

/// sums += weight * value for R keys of one head, value rows `stride` apart, weights next to each other.
template <int R>
[[gnu::always_inline]] inline void add_keys(const float* weights, const float* values, index_t stride,
                                            float* sums, index_t dim) {
  Packet by[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) by[r] = splat(weights[r]);
  each_packet(dim, [&](index_t d, auto count) {
    Packet sum = load(sums + d, count);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum = madd(by[r], load(values + r * stride + d, count), sum);
    store(sums + d, sum, count);
  });
}

/// sums[h * dim] += weights[h * n_stride + k] * the values of key k, for n keys; values whose weight is 0 may
/// be anything.
inline void add_key_values(const Heads& heads, const float* weights, index_t n_stride, const float* values,
                           index_t stride, index_t n, float* sums) {
  const index_t group = heads.query / heads.kv, dim = heads.dim;
  constexpr int together = 4;
  for (index_t k = 0; k < n; k += together) {
    const float* value = values + k * stride;
    for (index_t h = 0; h < heads.query; ++h) {
      const float* w = weights + h * n_stride + k;
      const float* from = value + h / group * dim;
      float* to = sums + h * dim;
      if (k + together <= n && w[0] != 0.f && w[1] != 0.f && w[2] != 0.f && w[3] != 0.f) {
        add_keys<together>(w, from, stride, to, dim);
      } else {
        const index_t left = n - k < together ? n - k : together;
        for (index_t r = 0; r < left; ++r)
          if (w[r] != 0.f) add_keys<1>(w + r, from + r * stride, stride, to, dim);
      }
    }
  }
}
