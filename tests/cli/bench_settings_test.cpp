#include "backend/small.hpp"
#include "cli/bench/settings.hpp"
#include "proxyv/model/presets.hpp"
#include "support/catch.hpp"

using bench::Case;
using bench::parse_sweep;
using proxyv::index_t;
using Numbers = std::vector<index_t>;

TEST_CASE("sweeps: ranges with a step, lists, and both") {
  CHECK(parse_sweep("4:28:8") == Numbers{4, 12, 20, 28});
  CHECK(parse_sweep("4:27:8") == Numbers{4, 12, 20});
  CHECK(parse_sweep("4:6") == Numbers{4, 5, 6});
  CHECK(parse_sweep("6,2,3,2") == Numbers{2, 3, 6});
  CHECK(parse_sweep("0,4:12:4") == Numbers{0, 4, 8, 12});
}

TEST_CASE("sweeps: what is none is quoted") {
  const auto error = [](const char* text) {
    return small::error_of<proxyv::ArgumentError>([&] { parse_sweep(text); });
  };
  CHECK(error("") == "sweep \"\": \"\", wanted a number in 0..65536");
  CHECK(error("4:x") == "sweep \"4:x\": \"x\", wanted a number in 0..65536");
  CHECK(error("1,-2") == "sweep \"1,-2\": \"-2\", wanted a number in 0..65536");
  CHECK(error("99999999999999999999") ==
        "sweep \"99999999999999999999\": \"99999999999999999999\", wanted a number in 0..65536");
  CHECK(error("1:2:3:4") == "sweep \"1:2:3:4\": \"1:2:3:4\", wanted FIRST:LAST:STEP");
  CHECK(error("8:4") == "sweep \"8:4\": \"8:4\" does not go up from its first number to its last");
  CHECK(error("4:8:0") == "sweep \"4:8:0\": \"4:8:0\" does not go up from its first number to its last");
}

TEST_CASE("cases: each variant over what it has, each once") {
  const std::vector<bench::VariantInfo> known{
      {"plain", "", false, false}, {"proxyv", "", true, true}, {"mine", "", true, false}};
  const auto config = proxyv::RuntimeConfig::from(proxyv::presets::Tiny{});
  const auto all = bench::cases(known, {"plain", "proxyv", "mine", "plain"}, {1, 2}, {2, 4}, config);
  REQUIRE(all.size() == 1 + 4 + 2);
  CHECK(all[0] == Case{"plain", -1, -1});
  CHECK(all[2] == Case{"proxyv", 1, 4});
  CHECK(all[6] == Case{"mine", 2, -1});
  CHECK(all[2].name() == "proxyv from layer 1, reduce 4");
  CHECK(all[2].label() == "proxyv 1/4");
  CHECK(all[6].name() == "mine from layer 2");
}

TEST_CASE("cases: what the model has not is refused") {
  const std::vector<bench::VariantInfo> known{{"plain", "", false, false}, {"proxyv", "", true, true}};
  const auto config = proxyv::RuntimeConfig::from(proxyv::presets::Tiny{});
  const auto error = [&](const std::vector<std::string>& names, const Numbers& starts,
                         const Numbers& reduces) {
    return small::error_of<proxyv::ArgumentError>(
        [&] { bench::cases(known, names, starts, reduces, config); });
  };
  CHECK(error({"fast"}, {1}, {2}) == "--variants: no variant \"fast\"; wanted some of plain, proxyv");
  CHECK(error({"proxyv"}, {4}, {2}) == "--start-layer 4: the model has layers 0..3");
  CHECK(small::error_of<proxyv::ArgumentError>([&] {
          bench::cases({{"late", "", true, false, 2}}, {"late"}, {1}, {}, config);
        }) == "--start-layer 1: late begins at layer 2 at the earliest");
  CHECK(error({"proxyv"}, {1}, {3}) == "--reduce 3: does not divide the crop side 8");
}
