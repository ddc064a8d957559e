// Typesetting: where every character of a receipt lies on the paper, in printer dots.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "facts.hpp"
#include "font.hpp"
#include "rng.hpp"

namespace receipts {

inline constexpr int column_width = 142;  ///< of the printed column, in dots
inline constexpr int paper_margin = 7;
inline constexpr int paper_width = column_width + 2 * paper_margin;

/// What a line is about.
enum class Role { shop, date, item, total, farewell };

/// One line of text. Spaces between the parts are one space, whatever the gap on paper.
struct Line {
  std::string text;
  Role role;
  std::size_t good = 0;  ///< of an item line
};

/// A character on the paper: the left end of its base line, and its place in the text.
struct Type {
  char character;
  std::size_t line;
  std::size_t column;
  int x;
  int y;
};

/// A horizontal rule printed between two parts of the receipt.
struct Rule {
  int y;
  bool dashed;
};

/// A typeset receipt.
struct Page {
  Font font{};
  std::vector<Line> lines;
  std::vector<Type> types;
  std::vector<Rule> rules;
  int height = 0;
};

/// Sets lines one below the other.
class Typesetter {
 public:
  Typesetter(Rng& rng, Page& page)
      : page_{page},
        pitch_{page.font.height() + rng.between(4, 6) - (page.font.tall ? 1 : 0)},
        dashed_{rng.chance(50)} {}

  void left_and_right(const std::string& left, const std::string& right, Role role, std::size_t good = 0) {
    begin_line({left + " " + right, role, good});
    set(left, 0, paper_margin);
    set(right, left.size() + 1, paper_margin + column_width - width_of(right));
  }

  void centred(const std::string& text, Role role) {
    begin_line({text, role});
    set(text, 0, paper_margin + (column_width - width_of(text)) / 2);
  }

  void rule() {
    page_.rules.push_back({y_ + 4, dashed_});
    y_ += 5;
  }

  void finish() { page_.height = y_ + paper_margin + 2; }

 private:
  int width_of(const std::string& text) const {
    return static_cast<int>(text.size()) * page_.font.advance() - 1;
  }

  void begin_line(Line line) {
    page_.lines.push_back(std::move(line));
    y_ += pitch_;
  }

  void set(const std::string& text, std::size_t column, int x) {
    for (const char character : text) {
      if (character != ' ') {
        page_.types.push_back({character, page_.lines.size() - 1, column, x, y_});
      }
      ++column;
      x += page_.font.advance();
    }
  }

  Page& page_;
  int pitch_;
  bool dashed_;
  int y_ = 2;
};

inline Page typeset(const Facts& facts, Rng& rng) {
  Page page;
  page.font = fonts[rng.index(fonts.size())];
  Typesetter setter(rng, page);
  setter.centred(facts.shop, Role::shop);
  setter.left_and_right(facts.date, "NO " + std::to_string(facts.number), Role::date);
  setter.rule();
  for (const Item& item : facts.items) {
    setter.left_and_right(item.name, money(item.cents), Role::item, item.good);
  }
  setter.rule();
  setter.left_and_right("TOTAL", money(facts.total_cents), Role::total);
  if (!facts.farewell.empty()) {
    setter.centred(facts.farewell, Role::farewell);
  }
  setter.finish();
  return page;
}

}  // namespace receipts
