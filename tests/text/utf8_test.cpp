#include "proxyv/text/utf8.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace text = proxyv::text;

namespace {

void check_char(std::string_view bytes, char32_t code) {
  const auto found = text::decode_utf8(bytes, 0);
  REQUIRE(found.has_value());
  CHECK(found->code == code);
  CHECK(found->bytes == bytes.size());
}

}  // namespace

TEST_CASE("characters of one to four bytes, at their edges") {
  check_char("a", U'a');
  check_char(std::string_view("\0", 1), 0);
  check_char("\x7f", 0x7f);
  check_char("\xc2\x80", 0x80);
  check_char("\xdf\xbf", 0x7ff);
  check_char("\xe0\xa0\x80", 0x800);
  check_char("\xed\x9f\xbf", 0xd7ff);
  check_char("\xee\x80\x80", 0xe000);
  check_char("\xef\xbf\xbf", 0xffff);
  check_char("\xf0\x90\x80\x80", 0x10000);
  check_char("\xf4\x8f\xbf\xbf", 0x10ffff);
  const auto second = text::decode_utf8("a\xc3\xa9", 1);
  REQUIRE(second.has_value());
  CHECK(second->code == 0xe9);
}

TEST_CASE("what is not well formed is refused") {
  for (const std::string_view bytes :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3",
        "\xc3"
        "a",
        "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    CHECK_FALSE(text::decode_utf8(bytes, 0).has_value());
  }
}

TEST_CASE("code points as text") {
  CHECK(text::code_point_text(0x9) == "U+0009");
  CHECK(text::code_point_text(0xe9) == "U+00E9");
  CHECK(text::code_point_text(0x1f600) == "U+1F600");
  CHECK(text::code_point_text(0x10ffff) == "U+10FFFF");
}
