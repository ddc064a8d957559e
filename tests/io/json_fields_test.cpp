#include "proxyv/io/json_fields.hpp"

#include <string>
#include <string_view>

#include "io/files.hpp"
#include "proxyv/io/json.hpp"

namespace io = proxyv::io;
using files::message;

namespace {

const io::JsonPlace place{"c.json", "size"};

std::string index_refusal(std::string_view text, proxyv::index_t min, proxyv::index_t max) {
  return message([&] { io::as_index(io::parse_json(text, "c.json"), place, min, max); });
}

}  // namespace

TEST_CASE("integers are read exactly or refused") {
  CHECK(io::as_index(io::parse_json("7", "f"), place, 7, 7) == 7);
  CHECK(io::as_index(io::parse_json("-7", "f"), place, -7, 0) == -7);
  CHECK(io::as_index(io::parse_json("9223372036854775807", "f"), place, 0, INT64_MAX) == INT64_MAX);
  CHECK(index_refusal("8", 1, 7) == "c.json: size: wanted an integer in [1, 7], found 8");
  CHECK(index_refusal("0", 1, 7) == "c.json: size: wanted an integer in [1, 7], found 0");
  CHECK(index_refusal("-1", 0, 7) == "c.json: size: wanted an integer in [0, 7], found -1");
  CHECK(index_refusal("2.5", 0, 7) == "c.json: size: wanted an integer in [0, 7], found 2.5");
  CHECK(index_refusal("2.0", 0, 7) == "c.json: size: wanted an integer in [0, 7], found 2");
  CHECK(index_refusal("1e2", 0, 700) == "c.json: size: wanted an integer in [0, 700], found 100");
  CHECK(index_refusal("4294967300", 0, 7) == "c.json: size: wanted an integer in [0, 7], found 4294967300");
  CHECK(index_refusal("18446744073709551615", -1, 7) ==
        "c.json: size: wanted an integer in [-1, 7], found 18446744073709551615");
  CHECK(index_refusal("18446744073709551616", -1, 7) ==
        "c.json: size: wanted an integer in [-1, 7], found 1.84467e+19");
  CHECK(index_refusal("\"7\"", 0, 7) == "c.json: size: wanted an integer in [0, 7], found \"7\"");
  CHECK(index_refusal("true", 0, 7) == "c.json: size: wanted an integer in [0, 7], found true");
  CHECK(index_refusal("null", 0, 7) == "c.json: size: wanted an integer in [0, 7], found null");
  CHECK(index_refusal("[]", 0, 7) == "c.json: size: wanted an integer in [0, 7], found an array of 0");
}

TEST_CASE("numbers, flags, texts and arrays are read or refused") {
  const auto parse = [](std::string_view text) { return io::parse_json(text, "f"); };
  CHECK(io::as_double(parse("10000"), place, 1, 1e12) == 10000.0);
  CHECK(io::as_double(parse("-1"), place, -2, 0) == -1.0);
  CHECK(io::as_double(parse("1e-5"), place, 0, 1) == 1e-5);
  CHECK(message([&] { io::as_double(parse("0.5"), place, 1, 1e12); }) ==
        "c.json: size: wanted a number in [1, 1e+12], found 0.5");
  CHECK(message([&] { io::as_double(parse("\"1\""), place, 0, 2); }) ==
        "c.json: size: wanted a number in [0, 2], found \"1\"");
  CHECK_FALSE(io::as_bool(parse("false"), place));
  CHECK(message([&] { io::as_bool(parse("1"), place); }) == "c.json: size: wanted true or false, found 1");
  CHECK(message([&] { io::as_text(parse("1"), place); }) == "c.json: size: wanted a string, found 1");
  CHECK(message([&] { io::as_array(parse("{}"), place); }) ==
        "c.json: size: wanted an array, found an object of 0");
}

TEST_CASE("fields of an object") {
  const auto json =
      io::parse_json(R"({"n": 3, "x": 0.5, "on": true, "name": "silu", "none": null})", "c.json");
  const io::JsonFields fields(json, "c.json", "vision_config.");
  CHECK(fields.index("n", 1, 9) == 3);
  CHECK(fields.index_or("n", 5, 1, 9) == 3);
  CHECK(fields.index_or("absent", 5, 7, 9) == 5);
  CHECK(fields.index_or("none", 5, 7, 9) == 5);
  CHECK(fields.number_or("x", 1, 0, 1) == 0.5);
  CHECK(fields.number_or("absent", 4, 0, 1) == 4);
  CHECK(fields.flag_or("on", false));
  CHECK(fields.flag_or("absent", true));
  CHECK(fields.text("name") == "silu");
  CHECK(fields.text_or("name", "gelu") == "silu");
  CHECK(fields.text_or("absent", "gelu") == "gelu");
  fields.only("name", "silu");
  fields.only("absent", "silu");
  fields.never("absent");
  fields.absent("none");
  CHECK(message([&] { fields.index("absent", 0, 1); }) ==
        "c.json: vision_config.absent: wanted an integer, found nothing");
  CHECK(message([&] { fields.index("n", 4, 9); }) ==
        "c.json: vision_config.n: wanted an integer in [4, 9], found 3");
  CHECK(message([&] { fields.only("name", "gelu"); }) ==
        "c.json: vision_config.name: wanted \"gelu\", found \"silu\"");
  CHECK(message([&] { fields.never("on"); }) ==
        "c.json: vision_config.on: wanted false (not supported), found true");
  CHECK(message([&] { fields.absent("n"); }) ==
        "c.json: vision_config.n: wanted null (not supported), found 3");
}

TEST_CASE("fields want an object") {
  const auto json = io::parse_json("[1]", "c.json");
  CHECK(message([&] { io::JsonFields(json, "c.json"); }) ==
        "c.json: JSON: wanted an object, found an array of 1");
  CHECK(message([&] { io::JsonFields(json, "c.json", "vision_config."); }) ==
        "c.json: vision_config: wanted an object, found an array of 1");
}
