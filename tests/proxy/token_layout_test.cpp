#include "proxyv/proxy/token_layout.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {

using Numbers = std::vector<std::int32_t>;
constexpr TokenId image = image_token;

TokenLayout layout(const std::vector<TokenId>& ids, const std::vector<ImageSlot>& images, const CropShape& shape = {4, 1, 0},
                   const Semantics& semantics = {}) {
  return TokenLayout(small::span_of(ids), small::span_of(images), shape, semantics);
}
template <class S>
Numbers numbers(const S& span) {
  return Numbers(span.begin(), span.end());
}
std::string refused(const std::vector<TokenId>& ids, const std::vector<ImageSlot>& images, const CropShape& shape = {4, 1, 0}) {
  return error_of<ArgumentError>([&] { layout(ids, images, shape); });
}

}  // namespace

TEST_CASE("token layout: text only") {
  const auto l = layout({7, 8, 9}, {});
  CHECK(l.vision() == 0);
  CHECK(l.newlines() == 0);
  CHECK(l.proxies() == 0);
  CHECK(l.text() == 3);
  CHECK(l.rows() == 3);
  CHECK(numbers(l.positions()) == Numbers{0, 1, 2});
  CHECK(numbers(l.focus_positions()) == Numbers{0, 1, 2});
  CHECK(numbers(l.text_ids()) == Numbers{7, 8, 9});
  CHECK(l.last_row() == 2);
  CHECK(l.next_position() == 3);
}

TEST_CASE("token layout: one crop between text") {
  const auto l = layout({7, image, 8, 9}, {{1}});
  CHECK(l.vision() == 4);
  CHECK(l.newlines() == 1);
  CHECK(l.crops() == 1);
  CHECK(l.proxies() == 1);
  CHECK(numbers(l.positions()) == Numbers{1, 2, 3, 4, /*newline*/ 5, /*text*/ 0, 6, 7});
  CHECK(numbers(l.focus_positions()) == Numbers{/*proxy*/ 1, 5, 0, 6, 7});
  CHECK(numbers(l.text_ids()) == Numbers{7, 8, 9});
  CHECK(l.last_row() == 7);
  CHECK(l.next_position() == 8);
}

TEST_CASE("token layout: newlines of sub-crops sit one crop early, as in the reference") {
  const CropShape shape{4, 2, 0};
  const auto quirk = layout({7, image, 8}, {{3}}, shape);
  CHECK(numbers(quirk.positions()) == Numbers{1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, /*newlines*/ 5, 5, 10, /*text*/ 0, 16});
  CHECK(numbers(quirk.focus_positions()) == Numbers{/*proxies*/ 1, 2, 3, 4, 5, 6, 5, 5, 10, 0, 16});
  const auto straight = layout({7, image, 8}, {{3}}, shape, {.subcrop_newline_without_base_offset = false});
  CHECK(numbers(straight.positions()) == Numbers{1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 5, 10, 15, 0, 16});
  const auto video = layout({7, image, 8}, {{3, true}}, shape);
  CHECK(numbers(video.positions()) == numbers(straight.positions()));
}

TEST_CASE("token layout: two images, next to each other and with text between") {
  const auto near = layout({7, image, image, 8}, {{1}, {2}}, {1, 1, 0});
  CHECK(numbers(near.positions()) == Numbers{1, 3, 5, /*newlines*/ 2, 4, 4, /*text*/ 0, 7});
  CHECK(numbers(near.focus_positions()) == Numbers{1, 3, 4, 2, 4, 4, 0, 7});
  const auto apart = layout({image, 7, 8, image, 9}, {{1}, {1}}, {2, 1, 0});
  CHECK(numbers(apart.positions()) == Numbers{0, 1, 5, 6, /*newlines*/ 2, 7, /*text*/ 3, 4, 8});
  CHECK(apart.crops() == 2);
  CHECK(apart.last_row() == 8);
  CHECK(apart.next_position() == 9);
}

TEST_CASE("token layout: image first") {
  const auto l = layout({image, 7}, {{1}}, {2, 1, 0});
  CHECK(numbers(l.positions()) == Numbers{0, 1, 2, 3});
  CHECK(l.last_row() == 3);
}

TEST_CASE("token layout: image last; the next token follows the picture") {
  const auto l = layout({7, image}, {{2}}, {2, 1, 0});
  CHECK(numbers(l.positions()) == Numbers{1, 2, 4, 5, 3, 3, 0});
  CHECK(l.last_row() == 5);  // its last newline, not the text row after it
  CHECK(l.next_position() == 7);
  const auto packed = layout({7, image}, {{2}}, {2, 1, 0}, {.next_token = NextToken::packed_last});
  CHECK(packed.last_row() == 6);
}

TEST_CASE("token layout: text is cut from the end, vision never") {
  const CropShape shape{4, 1, 8};
  const auto l = layout({7, 8, image, 9, 10, 11}, {{1}}, shape);
  CHECK(numbers(l.text_ids()) == Numbers{7, 8, 9});
  CHECK(numbers(l.positions()) == Numbers{2, 3, 4, 5, 6, 0, 1, 7});
  CHECK(l.last_row() == 7);
  CHECK(l.next_position() == 8);
  CHECK(layout({7, image, 9}, {{1}}, shape).text() == 2);  // fits, nothing is cut

  // Cut back to before the image: the image's newline is then the last row.
  const auto back = layout({7, 8, 9, image, 10}, {{1}}, shape);
  CHECK(numbers(back.text_ids()) == Numbers{7, 8, 9});
  CHECK(back.last_row() == 4);
  CHECK(back.next_position() == 8);
  const auto packed = layout({7, 8, 9, 10, image, 11}, {{1}}, shape, {.decode_position = DecodePosition::packed});
  CHECK(packed.next_position() == 8);
  CHECK(layout({7, 8, 9, 10, image, 11}, {{1}}, shape).next_position() == 9);
}

TEST_CASE("token layout: who sees whom outside ProxyV layers goes by position") {
  const auto l = layout({7, image, 8}, {{1}}, {2, 1, 0});  // positions 1 2 | 3 | 0 4
  CHECK(l.sees(0, 0));
  CHECK_FALSE(l.sees(0, 1));
  CHECK(l.sees(0, 3));       // vision sees the text before it
  CHECK_FALSE(l.sees(2, 4)); // the newline does not see the text after it
  CHECK(l.sees(4, 0));
  CHECK_FALSE(l.sees(3, 0));
}

TEST_CASE("token layout: the mask of ProxyV layers, whole") {
  // positions: vision 1 2 3 4, proxies 1 2, newline 5, text 0 6; queries: proxies, newline, text.
  const auto l = layout({7, image, 8}, {{1}}, {4, 2, 0});
  const std::vector<std::uint8_t> wanted{
      // v v v v  p p  n  t t
      0, 0, 0, 0, 1, 0, 0, 1, 0,  // first proxy: itself and the text before
      0, 0, 0, 0, 1, 1, 0, 1, 0,  // second proxy
      1, 1, 1, 1, 0, 0, 1, 1, 0,  // newline: vision, itself, text before, no proxies
      0, 0, 0, 0, 0, 0, 0, 1, 0,  // text before the image
      1, 1, 1, 1, 0, 0, 1, 1, 1,  // text after it
  };
  CHECK(l.proxy_layer_mask() == wanted);
}

TEST_CASE("token layout: prompts that cannot be are refused") {
  CHECK(refused({7, image}, {}) == "TokenLayout: 1 image placeholders in the prompt, 0 images");
  CHECK(refused({7}, {{1}}) == "TokenLayout: 0 image placeholders in the prompt, 1 images");
  CHECK(refused({image}, {{1}}) == "TokenLayout: a prompt needs at least one text token");
  CHECK(refused({}, {}) == "TokenLayout: a prompt needs at least one text token");
  CHECK(refused({7, image}, {{0}}) == "TokenLayout: an image of 0 crops of 4 tokens");
  CHECK(refused({7, image}, {{-2}}) == "TokenLayout: an image of -2 crops of 4 tokens");
  CHECK(refused({7, image}, {{1}}, {0, 0, 0}) == "TokenLayout: an image of 1 crops of 0 tokens");
  CHECK(refused({7}, {}, {-1, 0, 0}) == "TokenLayout: negative size");
  CHECK(refused({7}, {}, {4, 1, -1}) == "TokenLayout: negative size");
  CHECK(refused({7, image}, {{2}}, {4, 1, 10}) == "TokenLayout: 2 crops leave no room for text in 10 tokens");
  CHECK(error_of<ArgumentError>([] { TokenLayout({nullptr, 3}, {}, {}); }) == "TokenLayout: null ids or images");
}

TEST_CASE("token layout: sizes that would wrap are refused at once") {
  constexpr index_t most = std::numeric_limits<index_t>::max();
  CHECK(refused({7, image}, {{most}}) == "TokenLayout: too many tokens");
  CHECK(refused({7, image}, {{1 << 30}}) == "TokenLayout: too many tokens");
  CHECK(refused({7, image}, {{1}}, {most, 1, 0}) == "TokenLayout: too many tokens per crop");
  CHECK(refused({7, image}, {{1}}, {4, most, 0}) == "TokenLayout: too many tokens per crop");
  CHECK(refused({7, image, image}, {{200000000}, {200000000}}, {8, 1, 0}) == "TokenLayout: too many tokens");
}

TEST_CASE("token layout: an empty one has no rows") {
  const TokenLayout l;
  CHECK(l.rows() == 0);
  CHECK(l.positions().empty());
}

TEST_CASE("token layout: a picture that is one run of its own length, with and without a newline") {
  const auto run = layout({7, image, 8}, {{.crops = 1, .video = false, .tokens = 6, .newlines = false}}, {4, 0, 0});
  CHECK(run.vision() == 6);
  CHECK(run.newlines() == 0);
  CHECK(run.crops() == 1);
  CHECK(run.own_sizes());
  CHECK(std::vector<std::int32_t>(run.positions().begin(), run.positions().end()) == std::vector<std::int32_t>{1, 2, 3, 4, 5, 6, 0, 7});
  CHECK(run.next_position() == 8);
  const auto lined = layout({7, image, 8}, {{.crops = 1, .video = false, .tokens = 2, .newlines = true}}, {4, 0, 0});
  CHECK(std::vector<std::int32_t>(lined.positions().begin(), lined.positions().end()) == std::vector<std::int32_t>{1, 2, 3, 0, 4});
  CHECK(lined.own_sizes());
  CHECK_FALSE(layout({7, image, 8}, {{1}}, {4, 0, 0}).own_sizes());
  // Ending the prompt without a newline, its last token is the last row.
  const auto last = layout({7, image}, {{.crops = 1, .video = false, .tokens = 6, .newlines = false}}, {4, 0, 0});
  CHECK(last.last_row() == 5);
  CHECK(last.next_position() == 7);
}
