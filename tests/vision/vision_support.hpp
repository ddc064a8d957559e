// What the vision tests share: pictures by formula, a hash, a temporary folder.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "proxyv/vision/image.hpp"

namespace vision_test {

enum class Kind { noise, waves };

/// The picture that make_resize_golden.py makes too.
inline proxyv::Image picture(Kind kind, proxyv::index_t width, proxyv::index_t height) {
  proxyv::Image out(width, height);
  for (proxyv::index_t y = 0; y < height; ++y) {
    for (proxyv::index_t x = 0; x < width; ++x) {
      proxyv::Rgb colour{};
      for (std::size_t c = 0; c < 3; ++c) {
        const auto i = static_cast<std::uint64_t>(x), j = static_cast<std::uint64_t>(y);
        std::uint64_t value = (i * i + 3 * j * j) / 64 + 5 * i + 2 * j + 80 * c;
        if (kind == Kind::noise) {
          std::uint64_t h = (i * 374761393 + j * 668265263 + c * 2246822519) & 0xffffffff;
          h = ((h ^ (h >> 13)) * 1274126177) & 0xffffffff;
          value = h >> 24;
        }
        colour[c] = static_cast<std::uint8_t>(value & 255);
      }
      out.set(x, y, colour);
    }
  }
  return out;
}

/// FNV-1a, 64 bits.
class Hash {
 public:
  Hash& add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) value_ = (value_ ^ byte) * 0x100000001b3u;
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

inline std::uint64_t hash(const proxyv::Image& image) { return Hash().add(image.pixels()).value(); }

/// A folder that goes when the test ends.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "proxyv_vision_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

using Bytes = std::vector<unsigned char>;

inline void write_file(const std::filesystem::path& path, std::span<const unsigned char> bytes) {
  std::ofstream file(path, std::ios::binary);
  for (const unsigned char byte : bytes) file.put(static_cast<char>(byte));
}

/// Runs `decode` on damaged copies of a file, `count` of them, one or two bits flipped in each.
/// Returns how many loaded; the others must throw LoadError, anything else leaves through here.
template <class Decode>
int load_flipped(const Bytes& good, int count, Decode decode) {
  std::uint64_t state = 88172645463325252u;
  const auto random = [&](std::size_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<std::size_t>(state % below);
  };
  int loaded = 0;
  for (int i = 0; i < count; ++i) {
    Bytes bad = good;
    for (int flips = 1 + i % 2; flips > 0; --flips) {
      unsigned char& byte = bad[random(bad.size())];
      byte = static_cast<unsigned char>(byte ^ (1u << random(8)));
    }
    try {
      decode(bad);
      ++loaded;
    } catch (const proxyv::LoadError&) {
    }
  }
  return loaded;
}

}  // namespace vision_test
