// Part of every level (see level/all.inl): tiles of half a panel's columns, for heads that would leave the
// other half empty. Only where a panel is four packets wide: half of two would be one, and too few sums in
// flight.

#include "proxyv/eigen/level/narrow_tile.inl"

/// out[k][column] for `cols` <= narrow_cols columns of z [depth, cols], the missing ones 0. False when an
/// element is not finite.
inline bool pack_narrow(const float* z, index_t stride, index_t cols, index_t depth, float* out) {
  Packet any = splat(0.f);  // finite * 0 = 0, anything else gives NaN
  for (index_t k = 0; k < depth; ++k, z += stride, out += narrow_cols) {
    if (cols < narrow_cols)
      for (int j = 0; j < narrow_cols; ++j) out[j] = 0.f;
    each_packet(cols, [&](index_t j, auto count) {
      const Packet p = load(z + j, count);
      any = madd(p, splat(0.f), any);
      store(out + j, p, count);
    });
  }
  return ei::predux(any) == 0.f;
}
