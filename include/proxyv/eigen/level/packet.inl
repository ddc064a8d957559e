// Part of every level (see level/all.inl): loads, stores and loops on its packet.

[[gnu::always_inline]] inline Packet load(const float* p) { return ei::ploadu<Packet>(p); }
[[gnu::always_inline]] inline void store(float* p, Packet v) { ei::pstoreu(p, v); }
[[gnu::always_inline]] inline Packet splat(float x) { return ei::pset1<Packet>(x); }
[[gnu::always_inline]] inline Packet madd(Packet a, Packet b, Packet c) { return ei::pmadd(a, b, c); }

/// The first n <= lanes floats; the other lanes are `fill`.
[[gnu::noinline]] inline Packet load_part(const float* p, index_t n, float fill = 0.f) {
  alignas(64) float lane[lanes];
  for (int i = 0; i < lanes; ++i) lane[i] = fill;
  std::memcpy(lane, p, static_cast<std::size_t>(n) * sizeof(float));
  return load(lane);
}
[[gnu::noinline]] inline void store_part(float* p, Packet v, index_t n) {
  alignas(64) float lane[lanes];
  store(lane, v);
  std::memcpy(p, lane, static_cast<std::size_t>(n) * sizeof(float));
}

/// The count that means a whole packet.
inline constexpr std::integral_constant<index_t, lanes> whole_packet{};

/// f(offset, count) over n floats, count = lanes except in the last step.
template <class F>
[[gnu::always_inline]] inline void each_packet(index_t n, F&& f) {
  index_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, whole_packet);
  if (i < n) f(i, n - i);
}

/// Loads and stores for each_packet: whole packets when the count is the constant.
[[gnu::always_inline]] inline Packet load(const float* p, std::integral_constant<index_t, lanes>,
                                          float = 0.f) {
  return load(p);
}
inline Packet load(const float* p, index_t n, float fill = 0.f) { return load_part(p, n, fill); }
[[gnu::always_inline]] inline void store(float* p, Packet v, std::integral_constant<index_t, lanes>) {
  store(p, v);
}
inline void store(float* p, Packet v, index_t n) { store_part(p, v, n); }

using Transpose = ei::PacketBlock<Packet, lanes>;
using ShortTranspose = ei::PacketBlock<ShortPacket, short_lanes>;

/// A packet of 32-bit pairs of bf16 (memory order): the first of each pair, and the second.
[[gnu::always_inline]] inline Packet widen_first(Packet pairs) { return PacketBits::shift_left<16>(pairs); }
[[gnu::always_inline]] inline Packet widen_second(Packet pairs) { return PacketBits::upper_half(pairs); }
