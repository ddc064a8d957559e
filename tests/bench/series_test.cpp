#include "bench/shared/series.hpp"

#include <vector>

#include "support/catch.hpp"

using bench_shared::Repetition;
using bench_shared::summarise;

TEST_CASE("a series is its median, and the share is of the ceiling beside each repetition") {
  // The machine slows down to a half: times double, shares stay.
  const std::vector<Repetition> all{{1.0, 100.0, 100.0, 0.0}, {2.0, 60.0, 40.0, 0.0}, {2.0, 50.0, 50.0, 0.1}};
  const auto s = summarise(all, 3, 80.0);
  CHECK(s.seconds == 2.0);
  CHECK(s.fastest == 1.0);
  CHECK(s.ceiling == 50.0);
  CHECK(s.share == Approx(0.8));
  CHECK(s.others == 0.1);
  CHECK(s.repetitions == 3);
}

TEST_CASE("the repetitions that others disturbed most do not count") {
  const std::vector<Repetition> all{
      {9.0, 1.0, 1.0, 0.9}, {1.0, 1.0, 1.0, 0.0}, {3.0, 1.0, 1.0, 0.2}, {2.0, 1.0, 1.0, 0.1}};
  const auto s = summarise(all, 2, 1.0);
  CHECK(s.repetitions == 2);
  CHECK(s.seconds == 1.5);
  CHECK(s.others == 0.1);
  CHECK(s.spread == Approx(0.25 / 1.5));
}

TEST_CASE("without a ceiling there is no share, without repetitions no summary") {
  CHECK(summarise({{1.0, 0.0, 0.0, 0.0}}, 5, 10.0).share == 0.0);
  CHECK_THROWS_AS(summarise({}, 5, 1.0), proxyv::ArgumentError);
  CHECK_THROWS_AS(summarise({{1.0, 1.0, 1.0, 0.0}}, 0, 1.0), proxyv::ArgumentError);
}
