// Questions about a receipt, their true answers, and the characters both are written in.
#pragma once

#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "receipt.hpp"

namespace receipts {

/// Every character of questions and answers; its token id is its index plus `first_character_id`.
inline constexpr std::string_view alphabet =
    "\n abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-?";
inline constexpr int pad_id = 0;
inline constexpr int bos_id = 1;
inline constexpr int eos_id = 2;
inline constexpr int first_character_id = 3;

enum class Kind { total, price, count, date, shop, line, all };

inline constexpr std::array<std::string_view, 7> kind_names{"total", "price", "count", "date",
                                                            "shop",  "line",  "all"};

constexpr std::string_view name_of(Kind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

struct QA {
  Kind kind;
  std::string question;
  std::string answer;
};

inline std::string lower_case(std::string text) {
  for (char& character : text) {
    character = static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  }
  return text;
}

inline QA ask_total(const Receipt& receipt) {
  return {Kind::total, "total?", money(receipt.facts.total_cents)};
}

inline QA ask_price(const Receipt& receipt, std::size_t item) {
  const Item& bought = receipt.facts.items.at(item);
  return {Kind::price, "price of " + lower_case(bought.name) + "?", money(bought.cents)};
}

inline QA ask_count(const Receipt& receipt) {
  return {Kind::count, "how many items?", std::to_string(receipt.facts.items.size())};
}

inline QA ask_date(const Receipt& receipt) { return {Kind::date, "date?", receipt.facts.date}; }

inline QA ask_shop(const Receipt& receipt) { return {Kind::shop, "shop?", receipt.facts.shop}; }

/// `line` counts from zero; people count from one.
inline QA ask_line(const Receipt& receipt, std::size_t line) {
  return {Kind::line, "read line " + std::to_string(line + 1), receipt.lines.at(line).text};
}

inline QA ask_all(const Receipt& receipt) {
  std::string text;
  for (const Line& line : receipt.lines) {
    text += (text.empty() ? "" : "\n") + line.text;
  }
  return {Kind::all, "read all", text};
}

/// Every question that can be asked about a receipt.
inline std::vector<QA> questions(const Receipt& receipt) {
  std::vector<QA> out{ask_total(receipt), ask_count(receipt), ask_date(receipt), ask_shop(receipt)};
  for (std::size_t item = 0; item < receipt.facts.items.size(); ++item) {
    out.push_back(ask_price(receipt, item));
  }
  for (std::size_t line = 0; line < receipt.lines.size(); ++line) {
    out.push_back(ask_line(receipt, line));
  }
  out.push_back(ask_all(receipt));
  return out;
}

}  // namespace receipts
