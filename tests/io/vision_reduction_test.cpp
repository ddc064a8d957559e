#include "proxyv/io/vision_reduction.hpp"

#include "backend/small.hpp"
#include "proxyv/io/json.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using Method = io::VisionReduction::Method;

namespace {

std::vector<io::VisionReduction> parse(const std::string& value, index_t patches = 576) {
  const io::JsonValue json = io::parse_json("{\"vision_reduction\":" + value + "}", "c.json");
  return io::parse_vision_reduction(io::JsonFields(json, "c.json"), "c.json", 32, patches);
}
std::string refusal(const std::string& value, index_t patches = 576) {
  return small::error_of<LoadError>([&] { parse(value, patches); });
}

}  // namespace

TEST_CASE("vision_reduction: each method, and both places") {
  CHECK(parse("null").empty());
  const auto zip = parse(R"({"method":"vision_zip","dominant":54,"contextual":10,"layout":"stitched"})");
  REQUIRE(zip.size() == 1);
  CHECK(zip[0].method == Method::vision_zip);
  CHECK(zip[0].dominant == 54);
  CHECK(zip[0].contextual == 10);
  CHECK(zip[0].stitched);
  const auto drops =
      parse(R"({"method":"pyramid_drop","layers":[8,16,24],"ratios":[0.5,0.25,0.125],"per_crop":true})");
  CHECK(drops[0].layers == std::vector<index_t>{8, 16, 24});
  CHECK(drops[0].ratios == std::vector<double>{0.5, 0.25, 0.125});
  CHECK(drops[0].per_crop);
  CHECK(parse(R"({"method":"fast_v","layers":[2],"ratios":[0.5],"form":"mask"})")[0].mask);
  CHECK(
      parse(
          R"([{"method":"vision_zip","dominant":54,"contextual":0},{"method":"fast_v","layers":[2],"ratios":[0.5]}])")
          .size() == 2);
}

TEST_CASE("vision_reduction: what cannot be is refused by name") {
  CHECK(refusal("3") == "c.json: vision_reduction: wanted an object, found 3");
  CHECK(refusal(R"({"method":"tome"})") ==
        "c.json: vision_reduction.method: wanted vision_zip, pyramid_drop or fast_v, found \"tome\"");
  CHECK_THAT(refusal(R"({"method":"vision_zip","dominant":578,"contextual":0})"),
             ContainsSubstring("vision_reduction.dominant: wanted an integer in [1, 577]"));
  CHECK_THAT(refusal(R"({"method":"vision_zip","dominant":500,"contextual":80})"),
             ContainsSubstring("vision_reduction.contextual"));
  CHECK_THAT(refusal(R"({"method":"vision_zip","dominant":5,"contextual":1,"layout":"spiral"})"),
             ContainsSubstring("crop_major or stitched"));
  CHECK_THAT(refusal(R"({"method":"vision_zip","dominant":5,"contextual":1})", 0),
             ContainsSubstring("a method inside the decoder"));
  CHECK_THAT(refusal(R"({"method":"pyramid_drop","layers":[16,8],"ratios":[0.5,0.25]})"),
             ContainsSubstring("vision_reduction.layers: wanted an integer in [17, 31]"));
  CHECK_THAT(refusal(R"({"method":"pyramid_drop","layers":[8,16],"ratios":[0.25,0.5]})"),
             ContainsSubstring("vision_reduction.ratios: wanted a number in [0, 0.25]"));
  CHECK_THAT(refusal(R"({"method":"pyramid_drop","layers":[8,16],"ratios":[0.25]})"),
             ContainsSubstring("as many numbers as layers, 2, found 1"));
  CHECK_THAT(refusal(R"({"method":"pyramid_drop","layers":[],"ratios":[]})"),
             ContainsSubstring("1 to 8 numbers"));
  CHECK_THAT(refusal(R"({"method":"fast_v","layers":[2,4],"ratios":[0.5,0.5]})"),
             ContainsSubstring("1 to 1 numbers"));
  CHECK_THAT(refusal(R"({"method":"pyramid_drop","layers":[8],"ratios":[0.5],"form":"mask"})"),
             ContainsSubstring("vision_reduction.form: wanted drop, found"));
  CHECK_THAT(refusal(R"({"method":"fast_v","layers":[2],"ratios":[0.5],"form":"mask","per_crop":true})"),
             ContainsSubstring("false for the mask form"));
  CHECK_THAT(
      refusal(
          R"([{"method":"fast_v","layers":[2],"ratios":[0.5]},{"method":"fast_v","layers":[2],"ratios":[0.5]}])"),
      ContainsSubstring("two of a kind"));
}
