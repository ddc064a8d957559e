#include "proxyv/reduce/drop.hpp"

#include "reduce/reduced.hpp"
#include "support/catch.hpp"

using namespace reduced;
using Ints = std::vector<std::int32_t>;

TEST_CASE("drop_rows: rows, positions, rotation and the numbers of what is left") {
  R be(options());
  const std::vector<TokenId> ids{1, image, 2, 3};
  const ImageSlot slot{2};
  const TokenLayout layout({ids.data(), 4}, {&slot, 1}, {.tokens = 4});
  const index_t rows = layout.rows();  // 8 vision, 2 newlines, 3 text
  for (const bool renumber : {false, true}) {
    KvCache<R> cache(be, {2, rows, 4});
    Matrix x = small::noise(rows, 4, 1), rotary(rows, 4);
    const Matrix before = x;
    be.upload(layout.positions(), cache.positions(0, rows));
    Ints alive(8), kept{1, 2, 7};
    Stream<R> s;
    s.x = x;
    s.vision = 8;
    s.positions = cache.positions(0, rows);
    s.rotary = rotary;
    s.rope = {4, 10000.0};
    s.cache = &cache;
    detail::PrefillFrame<R> f;
    f.layout = &layout;
    f.wanted = {rows - 1, 1};
    f.alive = {alive.data(), 8};
    f.grid.crops = 2;
    reduce::drop_rows<R>(be, 1, {kept.data(), 3}, {Keep::exactly(3), false, 8, 8, 2}, renumber, s, f);
    CHECK(s.vision == 3);
    CHECK(s.rows() == rows - 5);
    CHECK(f.wanted.begin == s.rows() - 1);
    CHECK(f.dropped == 5);
    for (index_t i = 0; i < s.rows(); ++i) {
      const index_t old = i < 3 ? index_t{kept[static_cast<std::size_t>(i)]} : i + 5;
      CHECK(s.x(i, 2) == before.view()(old, 2));
      if (!renumber) CHECK(s.positions[i] == layout.positions()[old]);
    }
    CHECK(Ints(alive.begin(), alive.begin() + 3) == kept);
    // Reading order: text, patches 1 and 2 of crop 0, both newlines (the second sits where the first does),
    // patch 3 of crop 1, text.
    if (renumber) CHECK(Ints(s.positions.begin(), s.positions.end()) == Ints{1, 2, 5, 3, 4, 0, 6, 7});
    Matrix wanted(s.rows(), 4);
    be.rotary_table(s.positions, s.rope, wanted);
    CHECK(small::same_bits(small::values(s.rotary), wanted.values));
    CHECK(cache.length(0) - cache.length(1) == 5);
    CHECK(cache.next_position(0) - cache.next_position(1) ==
          (renumber ? layout.next_position() - s.rows() : 0));
  }
}

TEST_CASE("renumber_proxies: proxies count on from where their image now begins") {
  R be(options());
  const std::vector<TokenId> ids{1, image, 2, 3, image, 4};
  const std::vector<ImageSlot> slots{{2}, {1}};
  const TokenLayout layout(small::span_of(ids), small::span_of(slots), {.tokens = 9, .proxies = 2});
  Ints to(static_cast<std::size_t>(layout.proxies()));
  reduce::renumber_proxies<R>(be, layout, 4, {to.data(), layout.proxies()});
  // text, 2 crops of 4 and 2 newlines, 2 texts, the second image
  CHECK(to == Ints{1, 2, 3, 4, 13, 14});
}
