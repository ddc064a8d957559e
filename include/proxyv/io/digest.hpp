// Digest: a fast 64-bit fingerprint of bytes. Finds accidents, does not stop forgers.
//
// Defined on little-endian 8-byte words, so it is the same on every machine we run on:
//   absorb(w):  h = h ^ w;  h = h * 0x9e3779b97f4a7c15;  h = h ^ (h >> 32)
// Each step is a bijection of h for a fixed w and of w for a fixed h, so two inputs that differ in
// one word never share a digest. A byte string is absorbed as its length, then its words, the last
// one padded with zeros. h starts at 0x243f6a8885a308d3 (pi) and ends in the finaliser of splitmix64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace proxyv::inline v0 {
namespace io {

static_assert(std::endian::native == std::endian::little,
              "proxyv: files are read on little-endian machines only");

/// Running fingerprint. Cost: about one multiplication for each 8 bytes.
class Digest {
 public:
  void add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15u;
    state_ ^= state_ >> 32;
  }
  void add(const std::byte* data, std::size_t size) {
    add(size);
    std::size_t at = 0;
    for (; size - at >= 8; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, data + at, 8);
      add(word);
    }
    if (at < size) {
      std::uint64_t word = 0;
      std::memcpy(&word, data + at, size - at);
      add(word);
    }
  }
  void add(std::string_view text) { add(reinterpret_cast<const std::byte*>(text.data()), text.size()); }

  /// The fingerprint of everything added so far.
  std::uint64_t value() const {
    std::uint64_t h = state_;  // two more rounds spread the last word over all bits
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
  }

 private:
  std::uint64_t state_ = 0x243f6a8885a308d3u;
};

inline std::uint64_t digest_of(std::string_view text) {
  Digest digest;
  digest.add(text);
  return digest.value();
}

}  // namespace io
}  // namespace proxyv::inline v0
