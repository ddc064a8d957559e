// Part of every level (see level/all.inl): weights of any element type as packets of floats.

/// `lanes` 32-bit words at any address, whatever they hold.
[[gnu::always_inline]] inline Packet load_words(const std::byte* p) {
  Packet v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

[[gnu::always_inline]] inline void store_words(std::byte* p, Packet v) { std::memcpy(p, &v, sizeof v); }

/// A packet of 32-bit pairs of 16-bit elements (memory order): the first of each pair as floats, and the
/// second.
template <class T>
[[gnu::always_inline]] inline Packet first_of_pairs(Packet pairs) {
  if constexpr (std::is_same_v<T, bf16>) return widen_first(pairs);
  else return first_f16(pairs);
}
template <class T>
[[gnu::always_inline]] inline Packet second_of_pairs(Packet pairs) {
  if constexpr (std::is_same_v<T, bf16>) return widen_second(pairs);
  else return second_f16(pairs);
}

/// `lanes` consecutive elements at any address.
template <class T>
[[gnu::always_inline]] inline Packet load_as_float(const std::byte* p) {
  if constexpr (std::is_same_v<T, bf16>) return load_bf16(p);
  else if constexpr (std::is_same_v<T, f16>) return load_f16(p);
  else return load_words(p);
}

/// The first n <= lanes elements; the other lanes are 0.
template <class T>
[[gnu::noinline]] Packet load_part_as_float(const std::byte* p, index_t n) {
  alignas(64) float lane[lanes] = {};
  for (index_t i = 0; i < n; ++i) lane[i] = element_at<T>(p + i * static_cast<index_t>(sizeof(T)));
  return load(lane);
}

template <class T>
[[gnu::always_inline]] inline Packet load_as_float(const std::byte* p,
                                                   std::integral_constant<index_t, lanes>) {
  return load_as_float<T>(p);
}
template <class T>
inline Packet load_as_float(const std::byte* p, index_t n) {
  return load_part_as_float<T>(p, n);
}
