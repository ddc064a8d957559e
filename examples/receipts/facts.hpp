// What a receipt says: a shop, a date, a number, items with prices, a total.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rng.hpp"

namespace receipts {

inline constexpr std::size_t goods_per_trade = 10;

/// One kind of business: its well-known shops, the word for it, and what is sold.
struct Trade {
  std::array<std::string_view, 3> shops;
  std::string_view word;
  std::array<std::string_view, goods_per_trade> goods;
};

inline constexpr std::array trades{
    Trade{{"CORNER CAFE", "BLUE CUP", "CAFE LUNA"},
          "CAFE",
          {"TEA", "COFFEE", "ESPRESSO", "COCOA", "JUICE", "WATER", "CAKE", "BAGEL", "WAFFLE", "TOAST"}},
    Trade{{"FRESH MARKET", "GREEN FARM", "CITY FOOD"},
          "MARKET",
          {"APPLES", "BANANAS", "MILK", "BUTTER", "CHEESE", "EGGS", "RICE", "PASTA", "TOMATOES", "ONIONS"}},
    Trade{{"OLD BAKERY", "DAILY BREAD", "GOLDEN OVEN"},
          "BAKERY",
          {"BREAD", "ROLLS", "PRETZEL", "BAGUETTE", "MUFFIN", "COOKIE", "DONUT", "TART", "BROWNIE", "SCONE"}},
    Trade{{"TOOL BARN", "IRON WORKS", "FIX AND BUILD"},
          "TOOLS",
          {"HAMMER", "NAILS", "SCREWS", "PAINT", "BRUSH", "TAPE", "GLUE", "ROPE", "LAMP", "DRILL"}},
    Trade{{"PAPER MOON", "BOOK NOOK", "INK AND QUILL"},
          "BOOKS",
          {"NOVEL", "ATLAS", "COMIC", "PENCIL", "PEN", "NOTEBOOK", "MAP", "POSTER", "ERASER", "CALENDAR"}}};

inline constexpr std::array<std::string_view, 5> farewells{"THANK YOU", "PAID CASH", "PAID CARD",
                                                           "SEE YOU SOON", "HAVE A NICE DAY"};

inline constexpr int fewest_items = 2;
inline constexpr int most_items = 6;

/// Goods that no trade lists share this number, the first after all listed ones.
inline constexpr std::size_t unlisted_good = trades.size() * goods_per_trade;

/// One thing bought. `good` counts through all trades; prices are in cents.
struct Item {
  std::string name;
  std::size_t good;
  int cents;
};

/// Everything that is printed, before it is printed.
struct Facts {
  std::string shop;
  std::string date;  ///< YYYY-MM-DD
  int number;        ///< of the receipt, 100 to 999
  std::vector<Item> items;
  int total_cents;
  std::string farewell;  ///< empty on some receipts
};

/// `value` in decimal, filled with zeros on the left.
inline std::string padded(int value, std::size_t width) {
  const std::string digits = std::to_string(value);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

/// 1250 as "12.50".
inline std::string money(int cents) { return std::to_string(cents / 100) + "." + padded(cents % 100, 2); }

inline std::string invent_date(Rng& rng) {
  const int year = rng.between(2020, 2029);
  const int month = rng.between(1, 12);
  return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(rng.between(1, 28), 2);
}

/// A word that no list holds, so that it has to be read letter by letter.
inline std::string invent_word(Rng& rng) {
  constexpr std::string_view consonants = "BCDFGHJKLMNPQRSTVWXZ";
  constexpr std::string_view vowels = "AEIOUY";
  std::string word;
  const int syllables = rng.between(2, 3);
  for (int i = 0; i < syllables; ++i) {
    word += consonants[rng.index(consonants.size())];
    word += vowels[rng.index(vowels.size())];
  }
  if (rng.chance(40)) {
    word += consonants[rng.index(consonants.size())];
  }
  return word;
}

inline std::string invent_shop(Rng& rng, const Trade& trade) {
  if (rng.chance(60)) {
    return std::string(trade.shops[rng.index(trade.shops.size())]);
  }
  return invent_word(rng) + " " + std::string(trade.word);
}

inline Item invent_item(Rng& rng, std::size_t trade) {
  const int cents = rng.chance(70) ? rng.between(50, 999) : rng.between(1000, 1999);
  if (rng.chance(30)) {
    return {invent_word(rng), unlisted_good, cents};
  }
  const std::size_t good = rng.index(goods_per_trade);
  return {std::string(trades[trade].goods[good]), trade * goods_per_trade + good, cents};
}

/// Items with different names.
inline std::vector<Item> invent_items(Rng& rng, std::size_t trade) {
  const auto count = static_cast<std::size_t>(rng.between(fewest_items, most_items));
  std::vector<Item> items;
  while (items.size() < count) {
    Item item = invent_item(rng, trade);
    const auto same = [&](const Item& other) { return other.name == item.name; };
    if (std::none_of(items.begin(), items.end(), same)) {
      items.push_back(std::move(item));
    }
  }
  return items;
}

inline Facts invent(Rng& rng) {
  Facts facts;
  const std::size_t trade = rng.index(trades.size());
  facts.shop = invent_shop(rng, trades[trade]);
  facts.date = invent_date(rng);
  facts.number = rng.between(100, 999);
  facts.items = invent_items(rng, trade);
  facts.total_cents = 0;
  for (const Item& item : facts.items) {
    facts.total_cents += item.cents;
  }
  if (rng.chance(70)) {
    facts.farewell = farewells[rng.index(farewells.size())];
  }
  return facts;
}

}  // namespace receipts
