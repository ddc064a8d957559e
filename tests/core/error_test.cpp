#include "proxyv/core/error.hpp"

#include <string>
#include <string_view>
#include <type_traits>

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("every leaf is an Error and a std::runtime_error, and no leaf is another one") {
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, Error>);
  STATIC_REQUIRE(std::is_base_of_v<Error, ShapeError>);
  STATIC_REQUIRE(std::is_base_of_v<Error, ArgumentError>);
  STATIC_REQUIRE(std::is_base_of_v<Error, LoadError>);
  STATIC_REQUIRE(std::is_base_of_v<Error, CacheFullError>);
  STATIC_REQUIRE(std::is_base_of_v<Error, WorkspaceError>);
  STATIC_REQUIRE_FALSE(std::is_base_of_v<ShapeError, ArgumentError>);
  STATIC_REQUIRE_FALSE(std::is_base_of_v<LoadError, ShapeError>);
}

TEST_CASE("an error keeps its text") {
  CHECK(std::string(LoadError("a.safetensors: cut short").what()) == "a.safetensors: cut short");
  CHECK_THROWS_AS(throw CacheFullError("full"), Error);
}

TEST_CASE("WorkspaceError says what is needed and what there is") {
  const WorkspaceError error("EigenBackend", 4096, 1024);
  CHECK(error.needed == 4096);
  CHECK(error.available == 1024);
  CHECK(std::string(error.what()) ==
        "EigenBackend: workspace too small: needed 4096 bytes, available 1024 bytes");
}

TEST_CASE("WorkspaceError holds sizes past 32 bits") {
  const WorkspaceError error("arena", 5'000'000'000u, 0);
  CHECK(error.needed == 5'000'000'000u);
  CHECK(std::string(error.what()) ==
        "arena: workspace too small: needed 5000000000 bytes, available 0 bytes");
}

TEST_CASE("a failed check throws the named type with the joined parts") {
  const std::string name = "q_proj";
  const std::string_view kind = "weight";
  const auto check = [&](bool ok) {
    PROXYV_CHECK(ok, LoadError, kind, " ", name, ": wanted ", 7, " rows, found ", -1L, ", scale ", 0.5f);
  };
  CHECK_NOTHROW(check(true));
  CHECK_THROWS_AS(check(false), LoadError);
  CHECK_THROWS_WITH(check(false), "weight q_proj: wanted 7 rows, found -1, scale 0.500000");
}

TEST_CASE("a check evaluates its condition once, and its parts only when it fails") {
  int conditions = 0;
  int parts = 0;
  const auto part = [&] { return std::to_string(++parts); };
  PROXYV_CHECK(++conditions == 1, ArgumentError, part());
  CHECK(conditions == 1);
  CHECK(parts == 0);
  CHECK_THROWS_WITH([&] { PROXYV_CHECK(conditions == 0, ArgumentError, "part ", part()); }(), "part 1");
  CHECK(parts == 1);
}

TEST_CASE("a check is one statement and fits an if without braces") {
  int reached = 0;
  if (reached == 0) PROXYV_CHECK(true, ArgumentError, "never");
  else reached = 1;
  CHECK(reached == 0);
}

TEST_CASE("concat joins texts and numbers as they are printed") {
  CHECK(detail::concat() == "");
  CHECK(detail::concat("a", std::string("b"), std::string_view("c")) == "abc");
  CHECK(detail::concat(0, " ", 18446744073709551615ull, " ", -9223372036854775807LL) ==
        "0 18446744073709551615 -9223372036854775807");
}
