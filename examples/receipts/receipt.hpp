// A receipt: its photograph and the truth about it, all from one seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "facts.hpp"
#include "page.hpp"
#include "photo.hpp"
#include "rng.hpp"

namespace receipts {

struct Receipt {
  std::uint64_t seed;
  Facts facts;
  std::vector<Line> lines;           ///< as printed, top to bottom
  std::vector<Mark> marks;           ///< where each character is in the photograph
  std::vector<std::uint8_t> pixels;  ///< RGB, photo_side x photo_side
};

/// The same seed gives the same receipt, byte for byte, everywhere.
inline Receipt draw(std::uint64_t seed) {
  Rng rng(seed);
  Facts facts = invent(rng);
  Page page = typeset(facts, rng);
  const Camera camera(page, rng);
  return {seed, std::move(facts), std::move(page.lines), camera.marks(page), camera.take()};
}

/// FNV-1a, 64 bits, of the photograph's bytes: tells two photographs apart in test data.
inline std::uint64_t fingerprint(const Receipt& receipt) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : receipt.pixels) {
    hash = (hash ^ byte) * 0x100000001B3ULL;
  }
  return hash;
}

/// 16 hexadecimal digits.
inline std::string hexadecimal(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = out.size(); i-- > 0; value >>= 4) {
    out[i] = "0123456789abcdef"[value & 15];
  }
  return out;
}

}  // namespace receipts
