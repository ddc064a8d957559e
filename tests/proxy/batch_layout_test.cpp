#include "proxyv/proxy/batch_layout.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {

using Numbers = std::vector<std::int32_t>;
constexpr TokenId image = image_token;
constexpr std::int32_t unseen = std::numeric_limits<std::int32_t>::max();

const std::vector<TokenId> one{7, image, 8}, two{image, 9}, words{1, 2, 3, 4};
const std::vector<ImageSlot> crop{{1}}, crops{{2}};

template <class S>
Numbers numbers(const S& span) {
  return Numbers(span.begin(), span.end());
}
std::vector<TokenLayout> layouts(const Semantics& semantics = {}, const CropShape& shape = {2, 1, 0}) {
  const std::vector<RowPrompt> rows{{small::span_of(one), small::span_of(crop)},
                                    {small::span_of(two), small::span_of(crops)},
                                    {small::span_of(words)}};
  return batch_layouts({rows.data(), 3}, shape, semantics);
}
constexpr Semantics reference{.next_token = NextToken::packed_last,
                              .decode_position = DecodePosition::packed,
                              .decode_padding = DecodePadding::attend};

}  // namespace

TEST_CASE("batch layout: by default a row is what it is alone") {
  const auto rows = layouts();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].rows() == 5);
  CHECK(rows[1].rows() == 7);
  CHECK(rows[2].rows() == 4);
  for (const TokenLayout& row : rows) {
    CHECK_FALSE(row.hides_rows());
    CHECK(numbers(row.key_positions()) == numbers(row.positions()));
    CHECK(numbers(row.focus_key_positions()) == numbers(row.focus_positions()));
  }
  CHECK_FALSE(Semantics{}.needs_padding());
}

TEST_CASE("batch layout: the reference fills rows up, and nobody sees the filling") {
  const auto rows = layouts(reference);
  CHECK(reference.needs_padding());
  for (const TokenLayout& row : rows) {
    CHECK(row.vision() == 4);
    CHECK(row.newlines() == 2);
    CHECK(row.proxies() == 2);
    CHECK(row.text() == 4);
    CHECK(row.rows() == 10);
    CHECK(row.last_row() == 9);
    CHECK(row.next_position() == 10);
    CHECK(row.hides_rows());
  }
  const TokenLayout& row = rows[0];  // one crop of two, two words of four
  CHECK(row.own_vision() == 2);
  CHECK(row.own_newlines() == 1);
  CHECK(row.own_proxies() == 1);
  CHECK(row.own_text() == 2);
  CHECK(numbers(row.text_ids()) == Numbers{7, 8});
  CHECK(numbers(row.positions()) == Numbers{1, 2, 0, 0, /*newlines*/ 3, 0, /*text*/ 0, 4, 5, 6});
  CHECK(numbers(row.key_positions()) == Numbers{1, 2, unseen, unseen, 3, unseen, 0, 4, unseen, unseen});
  CHECK(numbers(row.focus_positions()) == Numbers{/*proxies*/ 1, 0, 3, 0, 0, 4, 5, 6});
  CHECK(numbers(row.focus_key_positions()) == Numbers{1, unseen, 3, unseen, 0, 4, unseen, unseen});
  CHECK(row.sees(9, 7));
  CHECK_FALSE(row.sees(9, 8));
  CHECK_FALSE(row.sees(9, 2));
  CHECK(row.proxy_layer_sees(7, 0));
  CHECK_FALSE(row.proxy_layer_sees(7, 2));
  CHECK(numbers(rows[2].positions()) == Numbers{0, 0, 0, 0, 0, 0, 0, 1, 2, 3});
}

TEST_CASE("batch layout: each of the reference's ways is an option") {
  CHECK(layouts({.next_token = NextToken::packed_last})[0].next_position() == 5);
  CHECK(layouts({.next_token = NextToken::packed_last})[0].last_row() == 9);
  CHECK(layouts({.decode_position = DecodePosition::packed})[0].next_position() == 10);
  CHECK(layouts({.decode_position = DecodePosition::packed})[0].last_row() == 7);
  CHECK(layouts({.decode_padding = DecodePadding::attend})[0].last_row() == 7);
  CHECK(layouts({.decode_padding = DecodePadding::attend})[1].last_row() == 6);
}

TEST_CASE("batch layout: a cap counts the filled rows") {
  const auto rows = layouts(reference, {2, 1, 8});
  for (const TokenLayout& row : rows) CHECK(row.text() == 2);
  CHECK(numbers(rows[2].text_ids()) == Numbers{1, 2});
  CHECK(layouts({}, {2, 1, 8})[2].text() == 4);  // alone it has room
  CHECK(error_of<ArgumentError>([] { layouts({}, {2, 1, 6}); }) ==
        "row 1: TokenLayout: 2 crops leave no room for text in 6 tokens");
  std::vector<TokenLayout> mixed{TokenLayout(small::span_of(one), small::span_of(crop), {2, 1, 4}),
                                 TokenLayout(small::span_of(two), small::span_of(crops), {2, 1, 0})};
  CHECK(error_of<ArgumentError>([&] { pad_to_longest(mixed); }) ==
        "batch: 2 crops leave no room for text in 4 tokens");
}

TEST_CASE("batch layout: equal rows have nothing to fill") {
  const std::vector<RowPrompt> rows{{small::span_of(one), small::span_of(crop)},
                                    {small::span_of(one), small::span_of(crop)}};
  for (const TokenLayout& row : batch_layouts({rows.data(), 2}, {2, 1, 0}, reference))
    CHECK_FALSE(row.hides_rows());
}

TEST_CASE("batch layout: a prompt that cannot be is named by its row") {
  const std::vector<RowPrompt> rows{{small::span_of(words)}, {small::span_of(one)}};
  CHECK(error_of<ArgumentError>([&] {
          batch_layouts({rows.data(), 2}, {2, 1, 0});
        }) == "row 1: TokenLayout: 1 image placeholders in the prompt, 0 images");
  CHECK(error_of<ArgumentError>([] { batch_layouts({}, {2, 1, 0}); }) == "batch: no prompts");
  const TokenLayout row(small::span_of(one), small::span_of(crop), {2, 1, 0});
  CHECK(error_of<ArgumentError>([&] { row.padded(0, 2); }) ==
        "TokenLayout: 1 crops padded to 0 and 2 text tokens to 2");
  CHECK_THROWS_AS(row.padded(1, 0), ArgumentError);
  CHECK_THROWS_AS(row.padded(index_t{1} << 40, 2), ArgumentError);
  CHECK_THROWS_AS(row.padded(3, 4).padded(5, 6), ArgumentError);
}
