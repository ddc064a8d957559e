// Part of every level (see level/all.inl): the rotation of a head.

/// One head: (a, b) <- (a c - b s, b c + a s) with a the first half, b the second.
inline void rotate_head(float* x, const float* cosine, const float* sine, index_t half) {
  each_packet(half, [&](index_t j, auto n) {
    const Packet a = load(x + j, n), b = load(x + half + j, n);
    const Packet c = load(cosine + j, n), s = load(sine + j, n);
    store(x + j, ei::psub(ei::pmul(a, c), ei::pmul(b, s)), n);
    store(x + half + j, madd(b, c, ei::pmul(a, s)), n);
  });
}
