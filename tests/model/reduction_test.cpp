#include "proxyv/model/reduction.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("keep: counts are formed in double, down or halves to even") {
  const auto down = [](double ratio, index_t n) { return Keep{ratio, -1, Rounding::down}.of(n); };
  const auto even = [](double ratio, index_t n) { return Keep{ratio, -1, Rounding::half_even}.of(n); };
  CHECK(down(0.29, 100) == 28);  // 28.999999999999996
  CHECK(down(0.5, 577) == 288);
  CHECK(down(0.0, 5) == 0);
  CHECK(down(1.0, 5) == 5);
  CHECK(even(0.5, 5) == 2);
  CHECK(even(0.5, 7) == 4);
  CHECK(even(0.29, 100) == 29);
  CHECK(even(0.25, 9) == 2);
  CHECK(Keep::exactly(7).of(100) == 7);
  CHECK(Keep::exactly(7).of(5) == 5);
}

TEST_CASE("drop schedule: the papers' own") {
  const DropSchedule even = DropSchedule::even_pyramid(32, 4, 0.5);
  CHECK(even.count == 3);
  CHECK(even.layers[0] == 8);
  CHECK(even.layers[2] == 24);
  CHECK(even.keep[2].ratio == 0.125);
  CHECK(DropSchedule::even_pyramid(32, 5, 0.5).layers[3] == 24);
  CHECK(DropSchedule::even_pyramid(32, 1, 0.5).count == 0);
  CHECK(even.at(16) == 1);
  CHECK(even.at(17) == -1);
  const DropSchedule fast = DropSchedule::fast_v(3, 0.75);
  CHECK(fast.layers[0] == 3);
  CHECK(fast.keep[0].of(576) == 144);
  CHECK_THROWS_AS(DropSchedule::pyramid_drop({1, 2}, {0.5}), ArgumentError);
  CHECK_THROWS_AS(DropSchedule::even_pyramid(3, 4, 0.5), ArgumentError);
}

TEST_CASE("drop schedule: known at compile time too") {
  static constexpr DropSchedule pyramid = DropSchedule::pyramid_drop({8, 16}, {0.5, 0.25});
  static_assert(pyramid.fault(32) == nullptr && pyramid.fault(16) != nullptr);
  static constexpr Reduction both{.zip = {54, 10, ZipLayout::stitched}, .drops = pyramid};
  static_assert(both.on() && both.zip.tokens() == 64);
  CHECK(std::string(pyramid.fault(16)) == "a drop needs a layer before it and one after it");
}

TEST_CASE("drop schedule: every fault has its words") {
  const auto fault = [](auto&& change) {
    DropSchedule s = DropSchedule::pyramid_drop({2, 4}, {0.5, 0.25});
    change(s);
    return std::string(s.fault(8) == nullptr ? "none" : s.fault(8));
  };
  CHECK(fault([](auto&) {}) == "none");
  CHECK(fault([](auto& s) { s.count = 9; }) == "more drops than there is room for");
  CHECK(fault([](auto& s) { s.rule = DropRule::none; }) == "a rule without drops, or drops without a rule");
  CHECK(fault([](auto& s) { s.rule = DropRule::fast_v; }) == "FastV drops once");
  CHECK(fault([](auto& s) { s.rule = DropRule::fast_v_mask, s.count = 1, s.per_crop = true; }) ==
        "the mask form of FastV does not rank per crop");
  CHECK(fault([](auto& s) { s.layers[0] = 0; }) == "a drop needs a layer before it and one after it");
  CHECK(fault([](auto& s) { s.layers[1] = 2; }) == "the layers of the drops must ascend");
  CHECK(fault([](auto& s) { s.keep[0].ratio = 1.5; }) == "a ratio must lie in 0..1");
  CHECK(fault([](auto& s) { s.keep[1].ratio = 0.75; }) == "later drops cannot keep more");
  CHECK(small::error_of<ArgumentError>([] { DropSchedule::fast_v(8).check(8); }) ==
        "vision reduction: a drop needs a layer before it and one after it");
}
