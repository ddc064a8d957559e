#include "cli/plot.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using plot::ticks;

namespace {

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("plot: ticks are round and inside") {
  CHECK(ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(ticks(3, 28, 5) == std::vector<double>{5, 10, 15, 20, 25});
  CHECK(ticks(1, 10000, 5, true) == std::vector<double>{1, 10, 100, 1000, 10000});
  CHECK(ticks(3, 30, 5, true) == std::vector<double>{5, 10, 20});
  CHECK(plot::tick_text(1500) == "1500");
  CHECK(plot::tick_text(0.25) == "0.25");
}

TEST_CASE("plot: an axis puts values between its ends") {
  const plot::Axis linear{0, 10, 100, 0, false}, logarithmic{1, 100, 0, 10, true};
  CHECK(linear(5) == 50.0);
  CHECK(logarithmic(10) == Approx(5.0));
}

TEST_CASE("plot: curves have a mark per point, bars a box per value") {
  const auto curve =
      plot::curves({.title = "T", .x = "layer", .y = "ms"}, {{.name = "a", .x = {1, 2, 3}, .y = {5, 4, 4}}})
          .str();
  CHECK(count(curve, "<circle") == 3);
  CHECK(count(curve, "<polyline") == 1);
  CHECK(curve.find("a: 2, 4") != std::string::npos);
  const auto marks = plot::curves({.title = "T", .x = "i", .y = "p", .log_x = true, .log_y = true},
                                  {{.name = "a", .x = {1, 100}, .y = {5, 4}, .marks_only = true}})
                         .str();
  CHECK(count(marks, "<polyline") == 0);
  const auto bars = plot::stacked_bars({.title = "T", .x = "layer", .y = "mass"}, {"0", "1"},
                                       {{.name = "v", .y = {0.5, 0}}, {.name = "t", .y = {0.5, 1}}})
                        .str();
  CHECK(count(bars, "<title>v, ") == 1);
  CHECK(count(bars, "<title>t, ") == 2);
}

TEST_CASE("plot: whole numbers alone are labelled when asked") {
  const std::vector<plot::Series> two{{.name = "a", .x = {1, 2}, .y = {5, 4}}};
  CHECK(plot::curves({}, two).str().find(">1.5<") != std::string::npos);
  CHECK(plot::curves({.whole_x = true}, two).str().find(">1.5<") == std::string::npos);
}

TEST_CASE("plot: a legend goes on in a second line, and is left out where it would say nothing") {
  const auto named = [](std::size_t n) {
    std::vector<plot::Series> all(n, {.name = "a long name for a curve", .x = {1}, .y = {1}});
    return count(plot::curves({}, all).str(), ">a long name for a curve</text>");
  };
  CHECK(named(7) == 7);
  CHECK(named(8) == 0);
}

TEST_CASE("plot: what cannot be drawn is refused") {
  using proxyv::ArgumentError;
  CHECK(small::error_of<ArgumentError>([] { plot::curves({}, {}); }) == "plot: nothing to plot");
  CHECK(small::error_of<ArgumentError>([] { plot::curves({}, {{.name = "a", .x = {1}, .y = {}}}); }) ==
        "plot: series a has 1 places and 0 values");
  CHECK(small::error_of<ArgumentError>([] {
          plot::curves({.log_y = true}, {{.name = "a", .x = {1}, .y = {0}}});
        }) == "plot: the value 0.000000 on a logarithmic axis");
  CHECK(small::error_of<ArgumentError>([] { plot::stacked_bars({}, {"1"}, {{.name = "a", .y = {-1}}}); }) ==
        "plot: series a has a bar of -1.000000");
  CHECK_THROWS_AS(plot::stacked_bars({}, {"1", "2"}, {{.name = "a", .y = {1}}}), ArgumentError);
}
