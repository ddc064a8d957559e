// Part of every level (see level/all.inl): exp, and the activations of a gemm.

/// e^x; exactly 0 below -88, and no more than 2.4e38 above 88.3.
/// x = n ln2 + r with |r| <= ln2 / 2, a minimax polynomial for e^r, and 2^n put into the exponent bits.
[[gnu::always_inline]] inline Packet packet_exp(Packet x) {
  x = ei::pmin(ei::pmax(x, splat(-88.f)), splat(88.37f));
  const Packet magic = splat(12582912.f + 127.f);  // 1.5 * 2^23: the sum's low bits hold n + 127
  const Packet sum = madd(x, splat(1.44269504f), magic);
  const Packet n = ei::psub(sum, magic);
  Packet r = madd(n, splat(-0.693359375f), x);  // ln2 in two parts, the first exact when multiplied by n
  r = madd(n, splat(2.12194440e-4f), r);
  Packet p = splat(1.3950506e-3f);
  p = madd(p, r, splat(8.368898e-3f));
  p = madd(p, r, splat(4.1666206e-2f));
  p = madd(p, r, splat(0.16666518f));
  p = madd(p, r, splat(0.5f));
  p = madd(ei::pmul(p, r), r, ei::padd(r, splat(1.f)));
  return ei::pmul(p, PacketBits::shift_left<23>(sum));
}

/// 2^x for x < 127, exactly 0 below -127: softmax's share of the work, in fewer steps than packet_exp.
[[gnu::always_inline]] inline Packet packet_exp2(Packet x) {
  x = ei::pmax(x, splat(-127.f));
  const Packet magic = splat(12582912.f + 127.f);
  const Packet sum = ei::padd(x, magic);
  const Packet r = ei::psub(x, ei::psub(sum, magic));
  Packet p = splat(1.3264699e-3f);
  p = madd(p, r, splat(9.6715335e-3f));
  p = madd(p, r, splat(5.550734e-2f));
  p = madd(p, r, splat(0.24022242f));
  p = madd(p, r, splat(0.693147f));
  p = madd(p, r, splat(1.f));
  return ei::pmul(p, PacketBits::shift_left<23>(sum));
}

/// Within 4e-7 of erf: odd rational function on |x| < 3.92, +-1 outside.
[[gnu::always_inline]] inline Packet packet_erf(Packet x) {
  const Packet limit = splat(3.92f);
  const Packet c = ei::pmin(ei::pmax(x, splat(-3.92f)), limit);
  const Packet u = ei::pmul(c, c);
  Packet p = splat(2.0347343e-6f);
  p = madd(p, u, splat(2.874797e-4f));
  p = madd(p, u, splat(3.8683373e-3f));
  p = madd(p, u, splat(5.306051e-2f));
  p = madd(p, u, splat(0.19276428f));
  p = madd(p, u, splat(1.128379f));
  Packet q = splat(3.807065e-5f);
  q = madd(q, u, splat(1.1881177e-3f));
  q = madd(q, u, splat(1.5172315e-2f));
  q = madd(q, u, splat(0.11508471f));
  q = madd(q, u, splat(0.5041646f));
  q = madd(q, u, splat(1.f));
  const Packet inside = ei::pdiv(ei::pmul(c, p), q);
  const Packet one = splat(1.f);
  const Packet high = ei::pselect(ei::pcmp_le(limit, x), one, inside);
  return ei::pselect(ei::pcmp_le(x, splat(-3.92f)), ei::pnegate(one), high);
}

/// x * sigmoid(slope * x)
[[gnu::always_inline]] inline Packet sigmoid_linear(Packet x, float slope) {
  return ei::pdiv(x, ei::padd(splat(1.f), packet_exp(ei::pmul(x, splat(-slope)))));
}

[[gnu::always_inline]] inline Packet activated(Act act, Packet x) {
  switch (act) {
    case Act::silu: return sigmoid_linear(x, 1.f);
    case Act::quick_gelu: return sigmoid_linear(x, 1.702f);
    case Act::gelu: {
      const Packet half = ei::pmul(x, splat(0.5f));
      return madd(half, packet_erf(ei::pmul(x, splat(0.70710678f))), half);
    }
    case Act::none: break;
  }
  return x;
}

/// y = act(y + bias) over a [rows, cols] window; bias may be null.
inline void finish_tile(Act act, const float* bias, float* y, index_t stride, index_t rows, index_t cols) {
  if (bias == nullptr && act == Act::none) return;
  for (index_t i = 0; i < rows; ++i) {
    float* row = y + i * stride;
    each_packet(cols, [&](index_t j, auto n) {
      Packet v = load(row + j, n);
      if (bias != nullptr) v = ei::padd(v, load(bias + j, n));
      store(row + j, activated(act, v), n);
    });
  }
}
