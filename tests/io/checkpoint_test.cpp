#include "proxyv/io/checkpoint.hpp"

#include <sys/stat.h>
#include <unistd.h>

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

static_assert(!std::is_copy_constructible_v<io::Checkpoint>);

namespace {

const std::string index_name = "model.safetensors.index.json";

std::string float_pair(float a, float b) { return bytes_of<float>({a, b}); }

/// A file of F32 [2] tensors, in this order.
std::string shard(const std::vector<std::pair<std::string, std::string>>& tensors) {
  std::string header, data;
  for (const auto& [name, bytes] : tensors) {
    if (!header.empty()) header += ",";
    header += entry(name, "F32", "[2]",
                    "[" + std::to_string(data.size()) + "," + std::to_string(data.size() + 8) + "]");
    data += bytes;
  }
  return safetensors("{" + header + "}", data);
}

std::string index_of(const std::vector<std::pair<std::string, std::string>>& map) {
  std::string out;
  for (const auto& [name, file] : map) out += (out.empty() ? "\"" : ",\"") + name + "\":\"" + file + "\"";
  return R"({"metadata":{"total_size":16},"weight_map":{)" + out + "}}";
}

void write_two_shards(const files::Folder& folder) {
  folder.write("one.safetensors", shard({{"b", float_pair(3, 4)}}));
  folder.write("two.safetensors", shard({{"a", float_pair(1, 2)}, {"c", float_pair(5, 6)}}));
  folder.write(index_name,
               index_of({{"a", "two.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}}));
}

std::string refusal(const std::string& path) {
  return message([&] { io::Checkpoint checkpoint(path); });
}

/// The refusal of an index that sends "a" to this shard.
std::string shard_refusal(const files::Folder& folder, const std::string& name) {
  folder.write(index_name, index_of({{"a", name}}));
  return refusal(folder.path());
}

}  // namespace

TEST_CASE("one file, by its path or by its folder") {
  const files::Folder folder;
  const std::string path =
      folder.write("model.safetensors", shard({{"a", float_pair(1, 2)}, {"b", float_pair(3, 4)}}));
  folder.write(index_name, "not read");
  for (const std::string& from : {path, folder.path(), folder.path() + "/"}) {
    const io::Checkpoint checkpoint(from);
    CHECK(checkpoint.size() == 2);
    CHECK(checkpoint.total_bytes() == 16);
    CHECK(checkpoint.files().size() == 1);
    CHECK(checkpoint.contains("a"));
    CHECK_FALSE(checkpoint.contains("c"));
    CHECK(checkpoint.weight("b", 1, 2).rows() == 1);
    CHECK(checkpoint.tensors()[1].name == "b");
  }
  CHECK(io::Checkpoint(path).folder() == folder.path());
  CHECK(io::Checkpoint(folder.path()).folder() == folder.path());
  CHECK(message([&] { io::Checkpoint(path).at("q"); }) ==
        path + ": tensor \"q\": wanted it, found no tensor of that name");
}

TEST_CASE("shards make one checkpoint, which can be moved") {
  const files::Folder folder;
  write_two_shards(folder);
  for (const auto access : {io::FileAccess::map, io::FileAccess::copy}) {
    io::Checkpoint opened(folder.path(), access);
    const io::Checkpoint checkpoint(std::move(opened));
    CHECK(checkpoint.files().size() == 2);
    CHECK(checkpoint.size() == 3);
    CHECK(checkpoint.total_bytes() == 24);
    float values[2] = {};
    io::copy_f32(checkpoint.at("c"), proxyv::Span<float>(values, 2));
    CHECK(values[0] == 5.f);
    io::copy_f32(checkpoint.at("b"), proxyv::Span<float>(values, 2));
    CHECK(values[1] == 4.f);
    CHECK(message([&] { checkpoint.at("q"); }) ==
          folder.path() + ": tensor \"q\": wanted it, found no tensor of that name");
  }
}

TEST_CASE("shards may be links, as hubs keep them") {
  const files::Folder folder;
  write_two_shards(folder);
  REQUIRE(::mkdir(folder.file("blobs").c_str(), 0700) == 0);
  REQUIRE(::rename(folder.file("one.safetensors").c_str(), folder.file("blobs/0f3a").c_str()) == 0);
  REQUIRE(::symlink("blobs/0f3a", folder.file("one.safetensors").c_str()) == 0);
  CHECK(io::Checkpoint(folder.path()).size() == 3);
}

TEST_CASE("the digest knows the weights, not their files or order") {
  const files::Folder folder, sharded;
  write_two_shards(sharded);
  const auto digest = [&](const std::vector<std::pair<std::string, std::string>>& tensors) {
    return io::Checkpoint(folder.write("m.safetensors", shard(tensors))).digest();
  };
  const auto a = float_pair(1, 2), b = float_pair(3, 4), c = float_pair(5, 6);
  const std::uint64_t wanted = digest({{"a", a}, {"b", b}, {"c", c}});
  CHECK(digest({{"c", c}, {"a", a}, {"b", b}}) == wanted);
  CHECK(io::Checkpoint(sharded.path()).digest() == wanted);
  CHECK(io::Checkpoint(sharded.path(), io::FileAccess::copy).digest() == wanted);
  CHECK(digest({{"a", b}, {"b", a}, {"c", c}}) != wanted);
  CHECK(digest({{"a", a}, {"b", b}, {"d", c}}) != wanted);
  CHECK(digest({{"a", a}, {"b", b}}) != wanted);
  CHECK(digest({{"a", a}, {"b", b}, {"c", float_pair(5, 7)}}) != wanted);
  const auto one = [&](std::string_view type, std::string_view shape) {
    return io::Checkpoint(
               folder.write("m.safetensors", safetensors("{" + entry("a", type, shape, "[0,8]") + "}", a)))
        .digest();
  };
  CHECK(one("F32", "[2]") != one("I32", "[2]"));
  CHECK(one("F32", "[2]") != one("F32", "[2,1]"));
  CHECK(one("F32", "[2,1]") != one("F32", "[1,2]"));
}

TEST_CASE("names that leave the folder are refused before anything is opened") {
  const files::Folder folder;
  const std::string index = folder.file(index_name);
  const auto refused = [&](const std::string& name, const std::string& shown) {
    CAPTURE(name);
    CHECK(shard_refusal(folder, name) ==
          index + ": weight_map.\"a\": wanted a plain file name, found " + shown);
  };
  refused("../one.safetensors", "\"../one.safetensors\"");
  refused("/etc/passwd", "\"/etc/passwd\"");
  refused("sub/one.safetensors", "\"sub/one.safetensors\"");
  refused("./one.safetensors", "\"./one.safetensors\"");
  refused("..\\\\one.safetensors", "\"..\\x5cone.safetensors\"");
  refused("C:\\\\one", "\"C:\\x5cone\"");
  refused("", "\"\"");
  refused(".", "\".\"");
  refused("..", "\"..\"");
  refused("one\\u0000.safetensors", "\"one\\x00.safetensors\"");
}

TEST_CASE("an index and its shards must agree") {
  const files::Folder folder;
  write_two_shards(folder);
  const std::string index = folder.file(index_name);
  const std::string one = "one.safetensors", two = "two.safetensors";
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& map) {
    folder.write(index_name, index_of(map));
    return refusal(folder.path());
  };
  CHECK(with({{"a", two}, {"b", one}, {"c", two}}).empty());
  CHECK(with({{"a", one}, {"b", one}, {"c", two}}) ==
        index + ": weight_map.\"a\": wanted it in \"one.safetensors\", found no tensor of that name there");
  CHECK(with({{"a", two}, {"b", one}, {"c", two}, {"d", one}}) ==
        index + ": weight_map.\"d\": wanted it in \"one.safetensors\", found no tensor of that name there");
  CHECK(with({{"a", two}, {"b", one}}) ==
        folder.file(two) + ": tensor \"c\": wanted it in the index, found nothing in " + index);
  CHECK(with({{"a", two}, {"b", one}, {"c", "three.safetensors"}}) ==
        folder.file("three.safetensors") + ": cannot open: No such file or directory");
  folder.write(one, shard({{"b", float_pair(3, 4)}, {"a", float_pair(1, 2)}}));
  CHECK(with({{"a", two}, {"b", one}, {"c", two}}) ==
        folder.file(one) + ": tensor \"a\": wanted it in one shard, found it in \"two.safetensors\" too");
  folder.write(one, "short");
  CHECK(with({{"a", two}, {"b", one}, {"c", two}}) ==
        folder.file(one) + ": header length: wanted 8 bytes, found a file of 5");
}

TEST_CASE("an index of another form is refused") {
  const files::Folder folder;
  const std::string index = folder.file(index_name);
  const auto with = [&](std::string_view text) {
    folder.write(index_name, text);
    return refusal(folder.path());
  };
  CHECK(with("[]") == index + ": JSON: wanted an object, found an array of 0");
  CHECK(with("{}") == index + ": weight_map: wanted an object, found nothing");
  CHECK(with(R"({"weight_map":["a"]})") == index + ": weight_map: wanted an object, found an array of 1");
  CHECK(with(R"({"weight_map":{"a":1}})") == index + ": weight_map.\"a\": wanted a string, found 1");
  CHECK(with(R"({"weight_map":{"a":null}})") == index + ": weight_map.\"a\": wanted a string, found null");
  CHECK(with(R"({"weight_map":{"a":"x","a":"x"}})") == index + ": JSON: key \"a\": wanted once, found twice");
  CHECK(with("{\"weight_map\":") == index + ": JSON: invalid syntax near byte 15");
}

TEST_CASE("a place without a checkpoint is named") {
  const files::Folder folder;
  CHECK(refusal(folder.path()) ==
        folder.path() + ": wanted model.safetensors or model.safetensors.index.json, found neither");
  CHECK(refusal(folder.file("none")) == folder.file("none") + ": cannot open: No such file or directory");
  REQUIRE(::mkdir(folder.file("model.safetensors").c_str(), 0700) == 0);
  CHECK(refusal(folder.path()) ==
        folder.file("model.safetensors") + ": wanted a regular file, found a directory");
}
