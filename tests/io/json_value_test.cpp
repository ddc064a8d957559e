#include "proxyv/io/json_value.hpp"

#include <cstdint>
#include <string>

#include "support/catch.hpp"

using proxyv::io::JsonArray;
using proxyv::io::JsonObject;
using proxyv::io::JsonValue;

TEST_CASE("a value is of one kind only") {
  const JsonValue none, natural(std::uint64_t{7}), negative(std::int64_t{-7}), real(2.5),
      text(std::string("x")), yes(true);
  CHECK(none.is_null());
  CHECK_FALSE(natural.is_null());
  REQUIRE(natural.natural() != nullptr);
  CHECK(*natural.natural() == 7);
  CHECK(natural.negative() == nullptr);
  CHECK(natural.real() == nullptr);
  CHECK(*negative.negative() == -7);
  CHECK(negative.natural() == nullptr);
  CHECK(*real.real() == 2.5);
  CHECK(*text.text() == "x");
  CHECK(*yes.boolean());
  CHECK(yes.natural() == nullptr);
  CHECK(text.array() == nullptr);
  CHECK(text.object() == nullptr);
}

TEST_CASE("members are found by key") {
  JsonObject members;
  members.push_back({"a", JsonValue(std::uint64_t{1})});
  members.push_back({"c", JsonValue(true)});
  const JsonValue object(std::move(members));
  REQUIRE(object.find("a") != nullptr);
  CHECK(*object.find("a")->natural() == 1);
  REQUIRE(object.find("c") != nullptr);
  CHECK(object.find("b") == nullptr);
  CHECK(object.find("d") == nullptr);
  CHECK(JsonValue().find("a") == nullptr);
}

TEST_CASE("values describe themselves without raw foreign bytes") {
  CHECK(JsonValue().describe() == "null");
  CHECK(JsonValue(true).describe() == "true");
  CHECK(JsonValue(false).describe() == "false");
  CHECK(JsonValue(std::uint64_t{18446744073709551615u}).describe() == "18446744073709551615");
  CHECK(JsonValue(std::int64_t{-3}).describe() == "-3");
  CHECK(JsonValue(0.5).describe() == "0.5");
  CHECK(JsonValue(std::string("\x1b")).describe() == "\"\\x1b\"");
  CHECK(JsonValue(JsonArray(3)).describe() == "an array of 3");
  CHECK(JsonValue(JsonObject(2)).describe() == "an object of 2");
}
