#include "proxyv/io/quote.hpp"

#include <string>

#include "support/catch.hpp"

namespace io = proxyv::io;

TEST_CASE("foreign text is shown as printable ASCII") {
  CHECK(io::in_quotes("model.norm.weight") == "\"model.norm.weight\"");
  CHECK(io::in_quotes("") == "\"\"");
  CHECK(io::in_quotes(std::string_view("a\x1b[31m\n\0\x7f", 9)) == "\"a\\x1b[31m\\x0a\\x00\\x7f\"");
  CHECK(io::in_quotes("\xc3\xa9\"\\") == "\"\\xc3\\xa9\\x22\\x5c\"");
}

TEST_CASE("long foreign text is cut") {
  CHECK(io::in_quotes("abcdef", 4) == "\"abcd...\"");
  CHECK(io::in_quotes("abcd", 4) == "\"abcd\"");
  CHECK(io::in_quotes(std::string(1000, 'x')).size() == io::quote_limit + 5);
}

TEST_CASE("paths keep their end and lose what could steer a terminal") {
  CHECK(io::shown_path("/a b/c\\d.json") == "/a b/c\\d.json");
  CHECK(io::shown_path("/a\x1b.json") == "/a\\x1b.json");
  const std::string shown = io::shown_path(std::string(5000, 'x') + "/model.safetensors");
  CHECK(shown.size() == io::path_limit + 3);
  CHECK(shown.substr(0, 4) == "...x");
  CHECK(shown.substr(shown.size() - 18) == "/model.safetensors");
}
