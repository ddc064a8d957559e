// Part of every level (see level/all.inl): what joins the two products of a gated layer.

/// y = silu(y) * up over a [rows, cols] window.
inline void gate_tile(float* y, index_t y_stride, const float* up, index_t up_stride, index_t rows,
                      index_t cols) {
  for (index_t i = 0; i < rows; ++i) {
    float* to = y + i * y_stride;
    const float* by = up + i * up_stride;
    each_packet(cols, [&](index_t j, auto n) {
      store(to + j, ei::pmul(sigmoid_linear(load(to + j, n), 1.f), load(by + j, n)), n);
    });
  }
}
