// The vector of floats that all CPU kernels are written with: a thin layer over Eigen's packets.
//
// One source gives SSE2, AVX2, AVX-512 or NEON code, whatever the consumer compiles for; without
// vector instructions a packet is one float. Addresses need no alignment unless the name says so.
#pragma once

#pragma GCC diagnostic push
#if !defined( \
    __clang__)  // GCC 12 takes the undefined vectors of its AVX-512 intrinsics for a mistake (PR 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#pragma GCC diagnostic pop

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "proxyv/core/shape.hpp"

#if defined(__SSE2__) && !defined(EIGEN_DONT_VECTORIZE)
#include <immintrin.h>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // packets as template arguments

namespace proxyv::inline v0 {
namespace detail {

namespace ei = Eigen::internal;

using Packet = ei::packet_traits<float>::type;
inline constexpr int lanes = static_cast<int>(sizeof(Packet) / sizeof(float));

/// The same packet, kept in a register: some compilers would rather load it again for each use.
[[gnu::always_inline]] inline Packet in_register(Packet v) {
  EIGEN_OPTIMIZATION_BARRIER(v)
  return v;
}

/// Integer operations on a packet's bits.
template <class P>
struct Bits {
  using Int = typename ei::unpacket_traits<P>::integer_packet;

  template <int N>
  [[gnu::always_inline]] static P shift_left(P v) {
    return ei::preinterpret<P>(ei::plogical_shift_left<N>(ei::preinterpret<Int>(v)));
  }
  [[gnu::always_inline]] static P upper_half(P v) {
    return ei::preinterpret<P>(
        ei::pand(ei::preinterpret<Int>(v), ei::pset1<Int>(static_cast<std::int32_t>(0xffff0000u))));
  }
};
template <>
struct Bits<float> {
  template <int N>
  static float shift_left(float v) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(v) << N);
  }
  static float upper_half(float v) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(v) & 0xffff0000u);
  }
};
using PacketBits = Bits<Packet>;

/// A packet of at most 8 lanes, for what has few rows: half an AVX-512 packet, otherwise a whole one.
using ShortPacket = std::conditional_t<(lanes > 8), ei::unpacket_traits<Packet>::half, Packet>;
inline constexpr int short_lanes = static_cast<int>(sizeof(ShortPacket) / sizeof(float));

#include "proxyv/eigen/level/packet.inl"

}  // namespace detail
}  // namespace proxyv::inline v0

#pragma GCC diagnostic pop
