#include "proxyv/io/json.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::message;

namespace {

std::string refusal(std::string_view text, io::JsonLimits limits = {}) {
  return message([&] { io::parse_json(text, "f.json", limits); });
}

}  // namespace

TEST_CASE("a document becomes plain values") {
  const auto json = io::parse_json(
      R"( {"b": [1, -2, 3.5, "x\u00e9\n", true, null, {}], "a": {"z": 18446744073709551615}} )", "f");
  const auto& b = *json.find("b")->array();
  REQUIRE(b.size() == 7);
  CHECK(*b[0].natural() == 1);
  CHECK(*b[1].negative() == -2);
  CHECK(*b[2].real() == 3.5);
  CHECK(*b[3].text() == "x\xc3\xa9\n");
  CHECK(*b[4].boolean());
  CHECK(b[5].is_null());
  CHECK(b[6].object()->empty());
  CHECK(*json.find("a")->find("z")->natural() == 18446744073709551615u);
  CHECK(*io::parse_json("7", "f").natural() == 7);
  CHECK(io::parse_json("[]", "f").array()->empty());
}

TEST_CASE("numbers beyond the integers stay numbers") {
  CHECK(*io::parse_json("18446744073709551616", "f").real() == 18446744073709551616.0);
  CHECK(*io::parse_json("2.0", "f").real() == 2.0);
  CHECK(*io::parse_json("1e3", "f").real() == 1000.0);
  CHECK(*io::parse_json("-9223372036854775808", "f").negative() == INT64_MIN);
}

TEST_CASE("what is no strict JSON is refused") {
  const std::vector<std::string_view> wrong{"",
                                            " ",
                                            "{",
                                            "}",
                                            "{]",
                                            "[1,]",
                                            "{\"a\":1,}",
                                            "{a:1}",
                                            "{'a':1}",
                                            "[1 2]",
                                            "01",
                                            "+1",
                                            "1.",
                                            ".5",
                                            "-",
                                            "0x10",
                                            "NaN",
                                            "Infinity",
                                            "-Infinity",
                                            "nul",
                                            "True",
                                            "\"a",
                                            "\"\n\"",
                                            "\"\\x41\"",
                                            "\"\\ud800\"",
                                            "\"\\udc00\\ud800\"",
                                            "{}{}",
                                            "[] []",
                                            "{} x",
                                            "/**/{}",
                                            "// x\n1",
                                            "{}\x0c",
                                            "\xc2\xa0{}",
                                            "{\"a\"}",
                                            "{:1}",
                                            "[\"a\":1]"};
  for (const auto text : wrong) {
    CAPTURE(std::string(text));
    CHECK_THAT(refusal(text), ContainsSubstring("f.json: JSON: invalid syntax near byte "));
  }
  CHECK_THAT(refusal("1e999"), ContainsSubstring("f.json: JSON: a number out of range near byte "));
}

TEST_CASE("bytes that are no UTF-8 are refused and not repeated") {
  for (const std::string_view bytes :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    const std::string text =
        "{\"\x1b"
        "a\":\"" +
        std::string(bytes) + "\"}";
    CHECK(files::printable(refusal(text)));
    const std::string error = refusal("[\"" + std::string(bytes) + "\"]");
    CHECK_THAT(error, ContainsSubstring("f.json: JSON: invalid UTF-8 near byte "));
    CHECK(files::printable(error));
  }
}

TEST_CASE("a byte order mark and zero bytes are refused") {
  CHECK(refusal("\xef\xbb\xbf{}") == "f.json: JSON: wanted plain UTF-8, found a byte order mark");
  CHECK(refusal(std::string_view("{}\0garbage", 10)) == "f.json: JSON: found a zero byte at byte 2");
  CHECK(refusal(std::string_view("{}\0", 3)) == "f.json: JSON: found a zero byte at byte 2");
  CHECK(*io::parse_json("\"\\u0000\"", "f").text() == std::string(1, '\0'));  // an escaped one is a character
}

TEST_CASE("a key twice is refused at any depth") {
  CHECK(refusal(R"({"a":1,"b":2,"a":3})") == "f.json: JSON: key \"a\": wanted once, found twice");
  CHECK(refusal(R"([{"x":{"\u0061":1,"a":3}}])") == "f.json: JSON: key \"a\": wanted once, found twice");
  CHECK(refusal(R"({"a":{"a":1},"b":{"a":2}})").empty());
  CHECK(refusal("{\"\\u001b\":1,\"\\u001b\":2}") == "f.json: JSON: key \"\\x1b\": wanted once, found twice");
}

TEST_CASE("nesting has a limit and nothing recurses") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(refusal(nested(32)).empty());
  CHECK(refusal(nested(33)) == "f.json: JSON: nested deeper than 32");
  CHECK(refusal(nested(2), {.depth = 1}) == "f.json: JSON: nested deeper than 1");
  CHECK(refusal(std::string(1'000'000, '[')) == "f.json: JSON: nested deeper than 32");
  std::string objects;
  for (int i = 0; i < 40; ++i) objects += "{\"a\":";
  CHECK(refusal(objects) == "f.json: JSON: nested deeper than 32");
}

TEST_CASE("the number of values has a limit") {
  CHECK(refusal("[1,2,3]", {.depth = 4, .values = 4}).empty());
  CHECK(refusal("[1,2,3]", {.depth = 4, .values = 3}) == "f.json: JSON: more than 3 values");
}

TEST_CASE("files are named as they are, but printable") {
  const files::Folder folder;
  CHECK(*io::read_json(folder.write("a.json", "[3]"), 3).array()->at(0).natural() == 3);
  const std::string path = folder.write("b\x1b.json", "[3");
  const std::string error = message([&] { io::read_json(path, 10); });
  CHECK_THAT(error, ContainsSubstring("/b\\x1b.json: JSON: invalid syntax near byte 3"));
  CHECK_THAT(message([&] { io::read_json(path, 1); }), ContainsSubstring("wanted at most 1 bytes, found 2"));
}
