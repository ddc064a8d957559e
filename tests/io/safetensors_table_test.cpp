#include "proxyv/io/safetensors_table.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace io = proxyv::io;

TEST_CASE("shapes as text") {
  const std::vector<std::uint64_t> none, pair{2, 3}, nine(9, 1), eight(8, 1);
  CHECK(io::shape_text(none) == "[]");
  CHECK(io::shape_text(pair) == "[2, 3]");
  CHECK(io::shape_text(eight) == "[1, 1, 1, 1, 1, 1, 1, 1]");
  CHECK(io::shape_text(nine) == "[1, 1, 1, 1, 1, 1, 1, 1, ...]");
}

TEST_CASE("kept texts survive a move of the table") {
  io::detail::SafetensorsTable table;
  const auto a = table.keep("a");
  const auto none = table.keep("");
  const auto b = table.keep("model.norm.weight");
  const std::string_view before = table.text_of(b);
  const io::detail::SafetensorsTable moved = std::move(table);
  CHECK(moved.text_of(a) == "a");
  CHECK(moved.text_of(none).empty());
  CHECK(moved.text_of(b) == "model.norm.weight");
  CHECK(before.data() == moved.text_of(b).data());
}
