#include "proxyv/io/grid_pinpoints.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"
#include "proxyv/io/json.hpp"

namespace io = proxyv::io;
using files::message;
using Sizes = std::vector<io::PixelSize>;

namespace {

Sizes parse(std::string_view json, proxyv::index_t crop = 336) {
  return io::parse_grid_pinpoints(io::parse_json(json, "f"), crop, {"f", "pins"});
}

std::string refusal(std::string_view json, proxyv::index_t crop = 336) {
  return message([&] { parse(json, crop); });
}

}  // namespace

TEST_CASE("a list of pairs is taken as it is") {
  CHECK(parse("[[336,672],[672,336]]") == Sizes{{336, 672}, {672, 336}});
  CHECK(parse("[[5,7]]", 144) == Sizes{{5, 7}});
}

TEST_CASE("a text may spell the list as Python does") {
  const Sizes wanted{{336, 672}, {1008, 336}};
  CHECK(parse("\"[(336, 672), (1008, 336)]\"") == wanted);
  CHECK(parse("\" [ [336,672] ,[ 1008 , 336 ] , ] \"") == wanted);
  CHECK(parse("\"((336,672,),(1008,336))\"") == wanted);
}

TEST_CASE("a range counts crops, width outside") {
  CHECK(parse("\"(1x1),...,(2x2)\"") == Sizes{{336, 336}, {336, 672}, {672, 336}, {672, 672}});
  CHECK(parse("\"(2x3)\"", 224) == Sizes{{448, 672}});
  CHECK(parse("\"(1x1),(9x9),(2x1)\"", 448) == Sizes{{448, 448}, {896, 448}});  // first and last count
  CHECK(parse("\"(1x1),...,(6x6)\"", 512).size() == 36);
}

TEST_CASE("other spellings and sizes are refused") {
  const std::string list = "f: pins: wanted a list of pairs of integers, found ";
  CHECK(refusal("3") == "f: pins: wanted a list of pairs or a string, found 3");
  CHECK(refusal("[]") == "f: pins: wanted at least one pair, found none");
  CHECK(refusal("\"[]\"") == "f: pins: wanted at least one pair, found none");
  CHECK(refusal("[336,672]") == "f: pins: wanted pairs of integers, found 336");
  CHECK(refusal("[[336]]") == "f: pins: wanted pairs of integers, found an array of 1");
  CHECK(refusal("[[336,0]]") == "f: pins: wanted an integer in [1, 65536], found 0");
  CHECK(refusal("[[336,-5]]") == "f: pins: wanted an integer in [1, 65536], found -5");
  CHECK(refusal("[[336,1.5]]") == "f: pins: wanted an integer in [1, 65536], found 1.5");
  CHECK(refusal("[[1000000000,336]]") == "f: pins: wanted an integer in [1, 65536], found 1000000000");
  for (const char* text : {"", "[", "[(1,2)", "[(1,2]", "[(1 2)]", "[(1,2)(3,4)]", "[1,2]", "[(1,2)] 3",
                           "[(-1,2)]", "[(1,2,3)]", "[(65537,1)]", "[(99999999999999999999,1)]", "abc"}) {
    CHECK(refusal("\"" + std::string(text) + "\"") == list + "\"" + text + "\"");
  }
  CHECK(refusal("\"[(0,5)]\"") == "f: pins: wanted sides of at least 1, found \"[(0,5)]\"");
  CHECK(refusal("\"(1x1)\"", 144) ==
        "f: pins: wanted a crop size of 224, 336, 384, 448 or 512 for a range, found 144");
  CHECK(refusal("\"x\"") == "f: pins: wanted a range as \"(1x1),...,(6x6)\", found \"x\"");
  CHECK(refusal("\"(1x(x2)\"").find("f: pins: wanted a range as") == 0);
  for (const char* text : {"(0x1),(2x2)", "(3x1),(2x2)", "(1x1),(65x1)", "(1x1),(1x60000)"}) {
    CHECK(refusal("\"" + std::string(text) + "\"") ==
          "f: pins: wanted a rising range within 1 to 64, found \"" + std::string(text) + "\"");
  }
}

TEST_CASE("many pairs are refused") {
  std::string pairs, text;
  for (int i = 0; i < 4097; ++i) {
    pairs += i == 0 ? "[1,1]" : ",[1,1]";
    text += i == 0 ? "(1,1)" : ",(1,1)";
  }
  CHECK(refusal("[" + pairs + "]") == "f: pins: wanted at most 4096 pairs, found 4097");
  CHECK(refusal("\"[" + text + "]\"").find("f: pins: wanted a list of pairs of integers") == 0);
}
