#include "proxyv/io/safetensors_header.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::entry;
using files::message;

namespace {

std::string object(const std::vector<std::string>& entries) {
  std::string out = "{";
  for (const auto& e : entries) out += (out.size() > 1 ? "," : "") + e;
  return out + "}";
}

std::string refusal(const std::vector<std::string>& entries, std::uint64_t data_bytes) {
  return message([&] { io::SafetensorsHeader(object(entries), data_bytes, "m"); });
}

}  // namespace

TEST_CASE("entries are checked and sorted by place") {
  const io::SafetensorsHeader header(
      object({entry("z", "F32", "[2]", "[3,11]"), entry("odd", "U8", "[3]", "[0,3]"),
              entry("none", "I64", "[5,0]", "[3,3]"), entry("scalar", "BF16", "[]", "[11,13]"),
              entry("end", "F64", "[0]", "[13,13]"), R"("__metadata__":{"b":"2","a":"1"})"}),
      13, "m");
  REQUIRE(header.size() == 5);
  CHECK(header.name(0) == "odd");
  CHECK(header.name(1) == "none");
  CHECK(header.name(2) == "z");
  CHECK(header.name(3) == "scalar");
  CHECK(header.name(4) == "end");
  CHECK(header.begin(2) == 3);
  CHECK(header.end(2) == 11);
  CHECK(header.type(2) == io::TensorType::f32);
  CHECK(header.shape(3).empty());
  CHECK(header.find("scalar") == std::size_t{3});
  CHECK_FALSE(header.find("q").has_value());
  CHECK(header.metadata_size() == 2);
  CHECK(header.metadata("a") == std::string_view("1"));
  CHECK(header.metadata("b") == std::string_view("2"));
  CHECK_FALSE(header.metadata("c").has_value());
}

TEST_CASE("a header without tensors goes with a file without data") {
  CHECK(refusal({}, 0).empty());
  CHECK(refusal({}, 1) == "m: wanted 0 bytes of tensor data, found 1");
}

TEST_CASE("tensors tile the data: no hole, no overlap, no rest") {
  const std::string a = entry("a", "U8", "[4]", "[0,4]");
  CHECK(refusal({a, entry("b", "U8", "[4]", "[5,9]")}, 9) ==
        "m: tensor \"b\": data_offsets: wanted begin 4, found 5 (a hole before it)");
  CHECK(refusal({a, entry("b", "U8", "[4]", "[3,7]")}, 7) ==
        "m: tensor \"b\": data_offsets: wanted begin 4, found 3 (overlaps another tensor)");
  CHECK(refusal({a, entry("b", "U8", "[4]", "[0,4]")}, 4)
            .find("wanted begin 4, found 0 (overlaps another tensor)") != std::string::npos);
  CHECK(refusal({a, entry("b", "U8", "[4]", "[4,8]")}, 9) == "m: wanted 8 bytes of tensor data, found 9");
  CHECK(refusal({a, entry("b", "U8", "[4]", "[4,8]")}, 7) == "m: wanted 8 bytes of tensor data, found 7");
  CHECK(refusal({entry("a", "U8", "[0]", "[7,7]")}, 7) ==
        "m: tensor \"a\": data_offsets: wanted begin 0, found 7 (a hole before it)");
}

TEST_CASE("offsets and shapes agree") {
  CHECK(refusal({entry("a", "F32", "[2,2]", "[0,15]")}, 15) ==
        "m: tensor \"a\": data_offsets: wanted 16 bytes for F32 [2, 2], found 15");
  CHECK(refusal({entry("a", "F32", "[]", "[0,0]")}, 0) ==
        "m: tensor \"a\": data_offsets: wanted 4 bytes for F32 [], found 0");
  CHECK(refusal({entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[0]", "[4,0]")}, 4) ==
        "m: tensor \"b\": data_offsets: wanted begin <= end, found 4 and 0");
  CHECK(
      refusal({entry("a", "U8", "[0]", "[18446744073709551615,0]")}, 0).find("found 18446744073709551615") !=
      std::string::npos);
  CHECK(refusal({entry("a", "U8", "[1152921504606846976]", "[0,1152921504606846976]")}, 8) ==
        "m: wanted 1152921504606846976 bytes of tensor data, found 8");
}

TEST_CASE("sizes that wrap are refused") {
  const std::string wanted = "m: tensor \"a\": shape: wanted a size below 2^64 bits, found ";
  CHECK(refusal({entry("a", "U8", "[4294967296,4294967296]", "[0,0]")}, 0) ==
        wanted + "U8 [4294967296, 4294967296]");
  CHECK(refusal({entry("a", "U8", "[18446744073709551615,18446744073709551615]", "[0,1]")}, 1).find(wanted) ==
        0);
  CHECK(refusal({entry("a", "F32", "[4611686018427387905]", "[0,4]")}, 4).find(wanted) == 0);
  CHECK(refusal({entry("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]")}, 1).find(wanted) == 0);
  CHECK(refusal({entry("a", "U8", "[4294967296,4294967296,0]", "[0,0]")}, 0).find(wanted) == 0);
  CHECK(refusal({entry("a", "U8", "[0,4294967296,4294967296]", "[0,0]")}, 0).empty());
  CHECK(refusal({entry("a", "U8", "[18446744073709551615,0]", "[0,0]")}, 0).empty());
}

TEST_CASE("types below a byte fill whole bytes") {
  CHECK(refusal({entry("a", "F4", "[2]", "[0,1]")}, 1).empty());
  CHECK(refusal({entry("a", "F6_E2M3", "[4]", "[0,3]")}, 3).empty());
  CHECK(refusal({entry("a", "F4", "[1]", "[0,1]")}, 1) ==
        "m: tensor \"a\": shape: wanted whole bytes, found 4 bits");
  CHECK(refusal({entry("a", "F6_E3M2", "[3]", "[0,3]")}, 3) ==
        "m: tensor \"a\": shape: wanted whole bytes, found 18 bits");
}

TEST_CASE("a name twice is refused") {
  CHECK(refusal({entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[1]", "[1,2]"),
                 entry("a", "U8", "[1]", "[2,3]")},
                3) == "m: tensor \"a\": wanted once, found twice");
  CHECK(refusal({entry("a", "U8", "[1]", "[0,1]"), entry("\\u0061", "U8", "[1]", "[1,2]")}, 2) ==
        "m: tensor \"a\": wanted once, found twice");
  CHECK(refusal({R"("__metadata__":{"k":"1","j":"2","k":"1"})"}, 0) ==
        "m: __metadata__: key \"k\": wanted once, found twice");
}

TEST_CASE("foreign names are shown printable and cut") {
  const std::string error =
      refusal({entry("\\u001b]0;x\\u0007\\u00e9" + std::string(300, 'n'), "U8", "[1]", "[1,2]")}, 2);
  CHECK(files::printable(error));
  CHECK_THAT(error, ContainsSubstring("m: tensor \"\\x1b]0;x\\x07\\xc3\\xa9nnn"));
  CHECK(error.size() < 300);
}

TEST_CASE("many tensors in any order") {
  constexpr std::size_t count = 20000;
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (i * 7919) % count;  // a permutation: 7919 is prime
    entries.push_back(entry("layer." + std::to_string(at), "U8", "[1]",
                            "[" + std::to_string(at) + "," + std::to_string(at + 1) + "]"));
  }
  const io::SafetensorsHeader header(object(entries), count, "m");
  REQUIRE(header.size() == count);
  bool ordered = true;
  for (std::size_t i = 0; i < count; ++i) {
    ordered = ordered && header.name(i) == "layer." + std::to_string(i) && header.find(header.name(i)) == i;
  }
  CHECK(ordered);
}
