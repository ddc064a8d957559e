#include "proxyv/io/safetensors_handler.hpp"

#include <string>
#include <string_view>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::entry;
using files::message;

namespace {

io::detail::SafetensorsTable parse(std::string_view header) {
  io::detail::SafetensorsTable table;
  io::detail::SafetensorsHandler handler("m", table);
  io::detail::parse_strictly(header, "m", handler);
  return table;
}

std::string refusal(std::string_view header) {
  return message([&] { parse(header); });
}

/// {"a": {"dtype": ..., "shape": ..., "data_offsets": ... <more>}}
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets,
                std::string_view more = {}) {
  return R"({"a":{"dtype":)" + std::string(dtype) + R"(,"shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + std::string(more) + "}}";
}

}  // namespace

TEST_CASE("a header becomes tables") {
  const auto table = parse(" {\"__metadata__\":{\"format\":\"pt\",\"\":\"\\n\"}," +
                           entry("w.b", "BF16", "[2, 3]", "[0,12]") + "," +
                           R"("":{"data_offsets":[12,12],"shape":[],"dtype":"F32"}} )" + "\r\n\t");
  REQUIRE(table.tensors.size() == 2);
  CHECK(table.text_of(table.tensors[0].name) == "w.b");
  CHECK(table.tensors[0].type == io::TensorType::bf16);
  CHECK(io::shape_text(table.shape_of(table.tensors[0])) == "[2, 3]");
  CHECK(table.tensors[0].begin == 0);
  CHECK(table.tensors[0].end == 12);
  CHECK(table.text_of(table.tensors[1].name).empty());
  CHECK(table.shape_of(table.tensors[1]).empty());
  REQUIRE(table.metadata.size() == 2);
  CHECK(table.text_of(table.metadata[0].key) == "format");
  CHECK(table.text_of(table.metadata[0].value) == "pt");
  CHECK(table.text_of(table.metadata[1].value) == "\n");
}

TEST_CASE("what the reference reader takes, we take") {
  CHECK(refusal("{}").empty());
  CHECK(refusal(R"({"__metadata__":null})").empty());
  CHECK(refusal(R"({"__metadata__":{}})").empty());
  CHECK(refusal(one("\"U8\"", "[]", "[0,1]", R"(,"x":1)")).empty());
  CHECK(refusal(one("\"U8\"", "[]", "[0,1]", R"(,"x":[1.5,{"y":{"y":-1}},"s",null,[]],"z":{},"t":true)"))
            .empty());
  const auto nested = [](std::size_t n) { return ",\"x\":" + std::string(n, '[') + std::string(n, ']'); };
  CHECK(refusal(one("\"U8\"", "[]", "[0,1]", nested(125))).empty());
  CHECK(refusal(one("\"U8\"", "[]", "[0,1]", nested(126))) == "m: JSON: nested deeper than 127");
}

TEST_CASE("values of the wrong kind are refused, each by its place") {
  const std::string two = "m: tensor \"a\": data_offsets: wanted two unsigned integers, found ";
  const std::string size = "m: tensor \"a\": shape: wanted unsigned integers, found ";
  const std::string text = "m: tensor \"a\": dtype: wanted a string, found ";
  CHECK(refusal("[]") == "m: header: wanted one JSON object, found an array");
  CHECK(refusal("3") == "m: header: wanted one JSON object, found 3");
  CHECK(refusal("\"{}\"") == "m: header: wanted one JSON object, found \"{}\"");
  CHECK(refusal("null") == "m: header: wanted one JSON object, found null");
  CHECK(refusal(R"({"a":1})") == "m: tensor \"a\": wanted an object, found 1");
  CHECK(refusal(R"({"a":["U8",[],[0,1]]})") == "m: tensor \"a\": wanted an object, found an array");
  CHECK(refusal(R"({"a":"\u001b[2J"})") == "m: tensor \"a\": wanted an object, found \"\\x1b[2J\"");
  CHECK(refusal(R"({"__metadata__":[]})") == "m: __metadata__: wanted an object of strings, found an array");
  CHECK(refusal(R"({"__metadata__":"x"})") == "m: __metadata__: wanted an object of strings, found \"x\"");
  CHECK(refusal(R"({"__metadata__":{"k":1}})") == "m: __metadata__: \"k\": wanted a string, found 1");
  CHECK(refusal(R"({"__metadata__":{"k":null}})") == "m: __metadata__: \"k\": wanted a string, found null");
  CHECK(refusal(R"({"__metadata__":{"k":{}}})") ==
        "m: __metadata__: \"k\": wanted a string, found an object");
  CHECK(refusal(one("1", "[]", "[0,1]")) == text + "1");
  CHECK(refusal(one("null", "[]", "[0,1]")) == text + "null");
  CHECK(refusal(one("[\"U8\"]", "[]", "[0,1]")) == text + "an array");
  CHECK(refusal(one("{\"U8\":null}", "[]", "[0,1]")) == text + "an object");
  CHECK(refusal(one("\"U8\"", "4", "[0,4]")) ==
        "m: tensor \"a\": shape: wanted an array of unsigned integers, found 4");
  CHECK(refusal(one("\"U8\"", "{}", "[0,4]")) ==
        "m: tensor \"a\": shape: wanted an array of unsigned integers, found an object");
  CHECK(refusal(one("\"U8\"", "[-1]", "[0,4]")) == size + "-1");
  CHECK(refusal(one("\"U8\"", "[-0]", "[0,0]")) == size + "-0");
  CHECK(refusal(one("\"U8\"", "[4.0]", "[0,4]")) == size + "4");
  CHECK(refusal(one("\"U8\"", "[4e0]", "[0,4]")) == size + "4");
  CHECK(refusal(one("\"U8\"", "[18446744073709551616]", "[0,4]")) == size + "1.84467e+19");
  CHECK(refusal(one("\"U8\"", "[\"4\"]", "[0,4]")) == size + "\"4\"");
  CHECK(refusal(one("\"U8\"", "[true]", "[0,4]")) == size + "true");
  CHECK(refusal(one("\"U8\"", "[[4]]", "[0,4]")) == size + "an array");
  CHECK(refusal(one("\"U8\"", "[{}]", "[0,4]")) == size + "an object");
  CHECK(refusal(one("\"U8\"", "[4]", "4")) == two + "4");
  CHECK(refusal(one("\"U8\"", "[4]", "{\"0\":4}")) == two + "an object");
  CHECK(refusal(one("\"U8\"", "[4]", "[]")) == two + "none");
  CHECK(refusal(one("\"U8\"", "[4]", "[4]")) == two + "one");
  CHECK(refusal(one("\"U8\"", "[4]", "[0,4,4]")) == two + "more");
  CHECK(refusal(one("\"U8\"", "[4]", "[-4,0]")) == two + "-4");
  CHECK(refusal(one("\"U8\"", "[4]", "[0,4.5]")) == two + "4.5");
  CHECK(refusal(one("\"U8\"", "[4]", "[[0],[4]]")) == two + "an array");
  CHECK(refusal(one("\"U8\"", "[4]", "[0,null]")) == two + "null");
}

TEST_CASE("missing and unknown things are refused") {
  CHECK(refusal(R"({"a":{}})") == "m: tensor \"a\": dtype: wanted a string, found nothing");
  CHECK(refusal(R"({"a":{"dtype":"U8"}})") == "m: tensor \"a\": shape: wanted an array, found nothing");
  CHECK(refusal(R"({"a":{"dtype":"U8","shape":[]}})") ==
        "m: tensor \"a\": data_offsets: wanted two offsets, found nothing");
  CHECK(refusal(one("\"F33\"", "[]", "[0,4]")) ==
        "m: tensor \"a\": dtype: wanted a type of the format (as F32, BF16, I64), found \"F33\"");
  CHECK(refusal(one("\"f32\"", "[]", "[0,4]")).find("found \"f32\"") != std::string::npos);
}

TEST_CASE("a key twice is refused") {
  const std::string u8 = R"("dtype":"U8","shape":[],"data_offsets":[0,1])";
  CHECK(refusal("{\"a\":{" + u8 + R"(,"dtype":"U8"}})") ==
        "m: tensor \"a\": dtype: wanted once, found twice");
  CHECK(refusal("{\"a\":{" + u8 + R"(,"shape":[]}})") == "m: tensor \"a\": shape: wanted once, found twice");
  CHECK(refusal("{\"a\":{" + u8 + R"(,"data_offsets":[0,1]}})") ==
        "m: tensor \"a\": data_offsets: wanted once, found twice");
  CHECK(refusal("{\"a\":{" + u8 + R"(,"x":1,"y":2,"x":1}})") ==
        "m: tensor \"a\": wanted each key once, found one twice");
  CHECK(refusal("{\"a\":{" + u8 + R"(,"x":{"x":1,"y":[{"z":1,"z":2}]}}})") ==
        "m: tensor \"a\": wanted each key once, found one twice");
  CHECK(refusal(R"({"__metadata__":{},"__metadata__":{}})") == "m: __metadata__: wanted once, found twice");
}
