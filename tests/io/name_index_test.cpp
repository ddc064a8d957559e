#include "proxyv/io/name_index.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace io = proxyv::io;

TEST_CASE("names are found, others are not") {
  const std::vector<std::string> names{"b", "", "a", "model.norm.weight"};
  const auto name = [&](std::uint32_t i) -> std::string_view { return names[i]; };
  io::NameIndex index;
  CHECK_FALSE(index.find("a", name).has_value());
  REQUIRE_FALSE(index.build(4, name).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(index.find(names[i], name) == i);
  CHECK_FALSE(index.find("c", name).has_value());
  CHECK_FALSE(index.find("model.norm.weigh", name).has_value());
}

TEST_CASE("a name that occurs twice is reported") {
  const std::vector<std::string> names{"b", "a", "c", "a"};
  io::NameIndex index;
  const auto twice = index.build(4, [&](std::uint32_t i) -> std::string_view { return names[i]; });
  REQUIRE(twice.has_value());
  CHECK(names[*twice] == "a");
}
