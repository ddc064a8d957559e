#include "proxyv/io/safetensors.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::bytes_of;
using files::entry;
using files::message;
using files::safetensors;

static_assert(!std::is_copy_constructible_v<io::SafetensorsFile>);

namespace {

/// Three tensors, the second at an odd offset.
std::string good_file() {
  return safetensors("{\"__metadata__\":{\"format\":\"pt\"}," + entry("flag", "U8", "[1]", "[0,1]") + "," +
                         entry("model.norm.weight", "F32", "[2]", "[1,9]") + "," +
                         entry("w", "BF16", "[2,1]", "[9,13]") + "}",
                     "\x01" + bytes_of<float>({1.5f, -2.f}) + bytes_of<std::uint16_t>({0x3f80, 0x4000}));
}

/// Deterministic numbers for mutations.
class Random {
 public:
  std::uint64_t below(std::uint64_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % n;
  }

 private:
  std::uint64_t state_ = 20240613;
};

/// Reads every byte of every tensor.
std::uint64_t touch(const io::SafetensorsFile& file) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < file.size(); ++i) {
    const auto e = file.entry(i);
    for (std::size_t k = 0; k < e.bytes; ++k) sum += static_cast<std::uint64_t>(e.data[k]);
    sum += e.name.size() + e.shape.size() + e.size();
  }
  return sum;
}

/// Loads the bytes as a file: "" when they are good, else the message of the LoadError.
std::string load(const files::Folder& folder, std::string_view bytes) {
  const std::string path = folder.write("m.safetensors", bytes);
  return message([&] { touch(io::SafetensorsFile(path, io::FileAccess::copy)); });
}

}  // namespace

TEST_CASE("tensors are found and read, mapped or copied") {
  const files::Folder folder;
  const std::string path = folder.write("m.safetensors", good_file());
  for (const auto access : {io::FileAccess::map, io::FileAccess::copy}) {
    io::SafetensorsFile opened(path, access);
    const auto before = opened.at("flag");
    const io::SafetensorsFile file(std::move(opened));
    CHECK(before.name == "flag");
    CHECK(before.file == path);
    CHECK(file.path() == path);
    REQUIRE(file.size() == 3);
    CHECK(io::read_u8(file.at("flag")) == std::vector<std::uint8_t>{1});
    const auto norm = file.weight("model.norm.weight", 1, 2);
    CHECK(norm.type() == proxyv::DType::f32);
    float values[2] = {};
    io::copy_f32(file.at("model.norm.weight"), proxyv::Span<float>(values, 2));
    CHECK(values[0] == 1.5f);
    CHECK(values[1] == -2.f);
    io::copy_f32(file.entry(2), proxyv::Span<float>(values, 2));
    CHECK(values[0] == 1.f);
    CHECK(values[1] == 2.f);
    CHECK_FALSE(file.find("v").has_value());
    CHECK(file.metadata("format") == std::string_view("pt"));
    CHECK_FALSE(file.metadata("x").has_value());
    CHECK(message([&] { file.at("v"); }) == path + ": tensor \"v\": wanted it, found no tensor of that name");
    CHECK(message([&] { file.weight("w", 1, 2); }) ==
          path + ": tensor \"w\": wanted F32, F16 or BF16 [1, 2], found BF16 [2, 1]");
    CHECK(message<proxyv::ArgumentError>([&] { file.entry(3); }) == "SafetensorsFile: tensor 3 of 3");
  }
}

TEST_CASE("the header's length is checked before the header") {
  const files::Folder folder;
  const std::string path = folder.file("m.safetensors");
  CHECK(load(folder, "") == path + ": header length: wanted 8 bytes, found a file of 0");
  CHECK(load(folder, "1234567") == path + ": header length: wanted 8 bytes, found a file of 7");
  CHECK(load(folder, files::length_bytes(0)) == path + ": JSON: invalid syntax near byte 1");
  CHECK(load(folder, files::length_bytes(3) + "{}") ==
        path + ": header length: wanted at most 2 (the file has 10 bytes), found 3");
  CHECK(load(folder, files::length_bytes(100'000'001) + "{}") ==
        path + ": header length: wanted at most 100000000, found 100000001");
  for (const std::uint64_t wraps : {~std::uint64_t{0}, ~std::uint64_t{0} - 7, std::uint64_t{1} << 63}) {
    CHECK(load(folder, files::length_bytes(wraps) + "{}") ==
          path + ": header length: wanted at most 100000000, found " + std::to_string(wraps));
  }
  CHECK(load(folder, files::length_bytes(2) + "{}").empty());
}

TEST_CASE("only JSON white space may stand around the header's object") {
  const files::Folder folder;
  CHECK(load(folder, safetensors(" \t\r\n{} \t\r\n")).empty());
  for (const std::string& tail :
       {std::string("x"), std::string("{}"), std::string("\f"), std::string("\xc2\xa0")}) {
    CHECK_THAT(load(folder, safetensors("{}" + tail)), ContainsSubstring("m.safetensors: JSON: invalid "));
  }
  CHECK_THAT(load(folder, safetensors(std::string("{}\0", 3))),
             ContainsSubstring("found a zero byte at byte 2"));
  CHECK_THAT(load(folder, safetensors("\xef\xbb\xbf{}")), ContainsSubstring("found a byte order mark"));
}

TEST_CASE("a file cut anywhere is refused") {
  const files::Folder folder;
  const std::string good = good_file();
  REQUIRE(load(folder, good).empty());
  for (std::size_t n = 0; n < good.size(); ++n) {
    const std::string error = load(folder, std::string_view(good).substr(0, n));
    CAPTURE(n);
    REQUIRE_THAT(error, ContainsSubstring("m.safetensors: "));
  }
  CHECK_THAT(load(folder, good + "x"), ContainsSubstring("wanted 13 bytes of tensor data, found 14"));
}

TEST_CASE("mutated files load or are refused, and never harm") {
  const files::Folder folder;
  const std::string good = good_file();
  const std::size_t header_end = good.size() - 13;
  const std::string_view alphabet = "{}[]\",:0123456789-.eE\\u\x00\xff\xc3 dtypeshapF32BU8_";
  Random random;
  std::size_t loaded = 0, refused = 0;
  const auto try_one = [&](const std::string& bytes) {
    const std::string error = load(folder, bytes);
    REQUIRE(files::printable(error));
    if (error.empty()) {
      ++loaded;
    } else {
      REQUIRE(error.find("m.safetensors: ") != std::string::npos);
      ++refused;
    }
  };
  for (std::size_t i = 0; i < header_end; ++i) {  // every bit of length and header
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ (1u << bit));
      try_one(bytes);
    }
  }
  for (int round = 0; round < 4000; ++round) {  // a few changes, insertions and deletions at once
    std::string bytes = good;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const auto at = static_cast<std::size_t>(8 + random.below(header_end - 16));
      const char c = alphabet[static_cast<std::size_t>(random.below(alphabet.size()))];
      switch (random.below(3)) {
        case 0: bytes[at] = c; break;
        case 1: bytes.insert(at, 1, c); break;
        default: bytes.erase(at, 1); break;
      }
    }
    if (random.below(2) == 0) {  // keep the length honest, so that the JSON is reached
      const std::string length = files::length_bytes(bytes.size() - 8 - 13);
      bytes.replace(0, 8, length);
    }
    try_one(bytes);
  }
  CHECK(loaded > 100);
  CHECK(refused > 5000);
}
