// A photograph of a page: turned a little, lit from one side, on a table, with blur and noise.
// Integer arithmetic only, so that every compiler gives the same bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ink_sheet.hpp"
#include "page.hpp"
#include "pose.hpp"
#include "rng.hpp"
#include "scene.hpp"

namespace receipts {

/// Where the centre of a character's box ends up in the photograph, in 1/256 pixel.
struct Mark {
  char character;
  std::size_t line;
  std::size_t column;
  int x;
  int y;
};

/// Sum of four uniform bytes about zero: roughly normal, standard deviation 148.
constexpr int roughly_normal(std::uint64_t bits) noexcept {
  return static_cast<int>((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + ((bits >> 24) & 255)) -
         510;
}

/// Takes the picture. All parts of the scene are drawn from one generator in a fixed order.
class Camera {
 public:
  Camera(const Page& page, Rng& rng)
      : sheet_{page},
        pose_{rng, sheet_},
        table_{rng},
        light_{rng},
        stationery_{rng},
        noise_{rng.between(2, 9)},
        noise_key_{rng.bits()} {
    sheet_.blur(rng.between(1, 2));
  }

  /// RGB rows from the top, photo_side x photo_side.
  std::vector<std::uint8_t> take() const {
    std::vector<std::uint8_t> pixels;
    pixels.reserve(static_cast<std::size_t>(photo_side * photo_side * photo_channels));
    for (int y = 0; y < photo_side; ++y) {
      for (int x = 0; x < photo_side; ++x) {
        expose(x, y, pixels);
      }
    }
    return pixels;
  }

  std::vector<Mark> marks(const Page& page) const {
    constexpr int unit = InkSheet::samples_per_dot * 128;
    std::vector<Mark> out;
    for (const Type& type : page.types) {
      const auto [x, y] = pose_.to_picture((2 * type.x + page.font.advance() - 1) * unit,
                                           (2 * type.y - page.font.height()) * unit);
      out.push_back({type.character, type.line, type.column, x, y});
    }
    return out;
  }

 private:
  /// The table beside the paper, darker near its edge. `outside` is the distance in 1/256 samples.
  std::array<int, 3> shaded_table(int x, int y, int outside) const {
    constexpr int reach = 12 * 256;
    std::array<int, 3> colour = table_.at(x, y);
    for (int& channel : colour) {
      channel = channel * (reach + std::clamp(outside, 0, reach)) / (2 * reach);
    }
    return colour;
  }

  /// Paper, table, or at the very edge of the paper a mixture.
  std::array<int, 3> surface(int x, int y) const {
    constexpr int soft = 384;
    const auto [sx, sy] = pose_.to_sheet(x * 256 + 128, y * 256 + 128);
    const int outside = std::max({-sx, -sy, sx - sheet_.width() * 256, sy - sheet_.height() * 256});
    const std::array<int, 3> paper = stationery_.blend(sheet_.at(sx - 128, sy - 128));
    if (outside <= -soft) {
      return paper;
    }
    std::array<int, 3> colour = shaded_table(x, y, outside);
    const int share = std::min(outside + soft, 2 * soft);
    for (std::size_t c = 0; c < colour.size(); ++c) {
      colour[c] = (colour[c] * share + paper[c] * (2 * soft - share)) / (2 * soft);
    }
    return colour;
  }

  void expose(int x, int y, std::vector<std::uint8_t>& pixels) const {
    const std::array<int, 3> colour = surface(x, y);
    const int light = light_.at(x, y);
    const std::uint64_t grain = mix(noise_key_ ^ static_cast<std::uint64_t>(y * photo_side + x));
    const int shared = roughly_normal(grain);
    for (std::size_t c = 0; c < colour.size(); ++c) {
      const int own = static_cast<int>((grain >> (32 + 8 * c)) & 255) - 128;
      const int value = colour[c] * light / 256 + (shared + own) * noise_ / 165;
      pixels.push_back(static_cast<std::uint8_t>(std::clamp(value, 0, 255)));
    }
  }

  InkSheet sheet_;
  Pose pose_;
  Table table_;
  Light light_;
  Stationery stationery_;
  int noise_;
  std::uint64_t noise_key_;
};

}  // namespace receipts
