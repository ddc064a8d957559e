// The printers' type: one 5x7 design, a second cut of some letters, and styles made from them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace receipts {

inline constexpr int glyph_columns = 5;
inline constexpr int glyph_rows = 7;

/// A character in dots; bit 4 of a row is its leftmost dot.
struct Glyph {
  char character;
  std::array<std::uint8_t, glyph_rows> rows;
};

inline constexpr std::array plain_glyphs{
    Glyph{'0', {0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    Glyph{'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    Glyph{'2', {0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111}},
    Glyph{'3', {0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110}},
    Glyph{'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
    Glyph{'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
    Glyph{'6', {0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
    Glyph{'7', {0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b01000, 0b01000}},
    Glyph{'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
    Glyph{'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100}},
    Glyph{'A', {0b00100, 0b01010, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001}},
    Glyph{'B', {0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110}},
    Glyph{'C', {0b01111, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b01111}},
    Glyph{'D', {0b11100, 0b10010, 0b10001, 0b10001, 0b10001, 0b10010, 0b11100}},
    Glyph{'E', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111}},
    Glyph{'F', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000}},
    Glyph{'G', {0b01111, 0b10000, 0b10000, 0b10011, 0b10001, 0b10001, 0b01110}},
    Glyph{'H', {0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    Glyph{'I', {0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    Glyph{'J', {0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100}},
    Glyph{'K', {0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001}},
    Glyph{'L', {0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111}},
    Glyph{'M', {0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001}},
    Glyph{'N', {0b10001, 0b11001, 0b11001, 0b10101, 0b10011, 0b10011, 0b10001}},
    Glyph{'O', {0b01110, 0b11011, 0b10001, 0b10001, 0b10001, 0b11011, 0b01110}},
    Glyph{'P', {0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000}},
    Glyph{'Q', {0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101}},
    Glyph{'R', {0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001}},
    Glyph{'S', {0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110}},
    Glyph{'T', {0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100}},
    Glyph{'U', {0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    Glyph{'V', {0b10001, 0b10001, 0b10001, 0b01010, 0b01010, 0b00100, 0b00100}},
    Glyph{'W', {0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001}},
    Glyph{'X', {0b10001, 0b01010, 0b01010, 0b00100, 0b01010, 0b01010, 0b10001}},
    Glyph{'Y', {0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100}},
    Glyph{'Z', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111}},
    Glyph{'.', {0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100}},
    Glyph{'-', {0b00000, 0b00000, 0b00000, 0b01110, 0b00000, 0b00000, 0b00000}}};

/// Characters that the second type design draws differently.
inline constexpr std::array second_glyphs{
    Glyph{'0', {0b00100, 0b01010, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100}},
    Glyph{'1', {0b00010, 0b00110, 0b01010, 0b00010, 0b00010, 0b00010, 0b00010}},
    Glyph{'2', {0b11110, 0b00001, 0b00001, 0b01110, 0b10000, 0b10000, 0b11111}},
    Glyph{'3', {0b11111, 0b00010, 0b00100, 0b01110, 0b00001, 0b10001, 0b01110}},
    Glyph{'4', {0b10000, 0b10010, 0b10010, 0b11111, 0b00010, 0b00010, 0b00010}},
    Glyph{'5', {0b11111, 0b10000, 0b10000, 0b11110, 0b00001, 0b00001, 0b11110}},
    Glyph{'6', {0b01110, 0b10000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
    Glyph{'7', {0b11111, 0b10001, 0b00010, 0b01110, 0b00100, 0b00100, 0b00100}},
    Glyph{'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001, 0b01110}},
    Glyph{'A', {0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    Glyph{'E', {0b01111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b01111}},
    Glyph{'K', {0b10010, 0b10100, 0b11000, 0b11000, 0b10100, 0b10010, 0b10001}},
    Glyph{'S', {0b01110, 0b10001, 0b10000, 0b01110, 0b00001, 0b10001, 0b01110}},
    Glyph{'U', {0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10011, 0b01101}},
    Glyph{'Y', {0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001, 0b01110}}};

/// How a printer sets its type.
struct Font {
  bool second_design;
  bool bold;     ///< every dot is printed twice, one dot apart
  bool slanted;  ///< upper rows lean to the right
  bool wide;     ///< columns 1 and 3 are doubled
  bool tall;     ///< rows 1 and 4 are doubled

  /// Dots from one character to the next.
  constexpr int advance() const noexcept { return 6 + (bold ? 1 : 0) + (slanted ? 1 : 0) + (wide ? 2 : 0); }
  /// Dots from the top of a capital to the base line.
  constexpr int height() const noexcept { return glyph_rows + (tall ? 2 : 0); }
};

/// The printers in use. Combined styles would be too wide for the paper.
inline constexpr std::array fonts{
    Font{false, false, false, false, false}, Font{true, false, false, false, false},
    Font{false, true, false, false, false},  Font{true, true, false, false, false},
    Font{false, false, true, false, false},  Font{true, false, true, false, false},
    Font{false, false, false, true, false},  Font{true, false, false, true, false},
    Font{false, false, false, false, true},  Font{true, true, false, false, true},
};

/// The design of `character` in `font`, before its style is applied.
constexpr const Glyph& glyph_of(char character, const Font& font) {
  if (font.second_design) {
    for (const Glyph& glyph : second_glyphs) {
      if (glyph.character == character) {
        return glyph;
      }
    }
  }
  for (const Glyph& glyph : plain_glyphs) {
    if (glyph.character == character) {
      return glyph;
    }
  }
  throw std::invalid_argument("receipts: no glyph for this character");
}

/// Calls `dot(column, row)` for every inked dot of a character.
template <class Dot>
constexpr void for_each_dot(char character, const Font& font, Dot&& dot) {
  const Glyph& glyph = glyph_of(character, font);
  int y = 0;
  for (int row = 0; row < glyph_rows; ++row) {
    const int repeat_row = font.tall && (row == 1 || row == 4) ? 2 : 1;
    for (int copy = 0; copy < repeat_row; ++copy, ++y) {
      int x = font.slanted ? (6 - row) / 3 : 0;
      for (int column = 0; column < glyph_columns; ++column) {
        const int repeat_column = (font.wide && (column == 1 || column == 3) ? 2 : 1);
        const bool inked =
            ((glyph.rows[static_cast<std::size_t>(row)] >> (glyph_columns - 1 - column)) & 1) != 0;
        for (int extra = 0; inked && extra < repeat_column + (font.bold ? 1 : 0); ++extra) {
          dot(x + extra, y);
        }
        x += repeat_column;
      }
    }
  }
}

}  // namespace receipts
