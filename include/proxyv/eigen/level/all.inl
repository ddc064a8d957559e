// All kernels of one level of instructions, for a namespace of their own inside proxyv::detail.
//
// Included after the level's packet: the type Packet, the number of its lanes, the namespace ei with the
// operations on it, in_register, PacketBits, ShortPacket, load_bf16, load_f16. Level headers: avx2.hpp,
// avx512.hpp. The portable level has the same files in the headers of the same names. Code here calls no
// intrinsic.

// clang-format off: in the order in which they need one another
#include "proxyv/eigen/level/packet.inl"
#include "proxyv/eigen/level/convert.inl"
#include "proxyv/eigen/level/rows.inl"
#include "proxyv/eigen/level/activation.inl"
#include "proxyv/eigen/level/pack.inl"
#include "proxyv/eigen/level/kernel.inl"
#include "proxyv/eigen/level/narrow.inl"
#include "proxyv/eigen/level/gemv.inl"
#include "proxyv/eigen/level/gate.inl"
#include "proxyv/eigen/level/softmax.inl"
#include "proxyv/eigen/level/weighted_sum.inl"
#include "proxyv/eigen/level/direct.inl"
#include "proxyv/eigen/level/norm.inl"
#include "proxyv/eigen/level/rope.inl"
#include "proxyv/eigen/level/table.inl"
// clang-format on
