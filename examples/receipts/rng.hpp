// Random numbers that are the same on every compiler and machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace receipts {

/// SplitMix64 finaliser: a good 64-bit hash of a 64-bit counter.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

/// Counter-based generator. The distributions of <random> differ between
/// standard libraries, so every draw is spelled out here in integers.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) noexcept : key_{mix(seed)} {}

  /// 64 random bits.
  constexpr std::uint64_t bits() noexcept { return mix(key_ ^ counter_++); }

  /// Uniform integer in [low, high].
  constexpr int between(int low, int high) noexcept {
    const auto span = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<int>(((bits() >> 32) * span) >> 32);
  }

  /// Uniform index in [0, count).
  constexpr std::size_t index(std::size_t count) noexcept {
    return static_cast<std::size_t>(((bits() >> 32) * count) >> 32);
  }

  /// True in `percent` of 100 draws.
  constexpr bool chance(int percent) noexcept { return between(0, 99) < percent; }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}  // namespace receipts
