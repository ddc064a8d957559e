// The gemm peers' pure parts: which shapes a name means, the judge, and what a row says.
#include "../../bench/peers/gemm/measure.hpp"

#include "support/catch.hpp"

namespace {

using namespace proxyv;
using namespace proxyv::bench;

/// The product in double, as a method.
Method honest(const Problem& p) {
  return {.name = "honest", .run = [&p](index_t copy) {
            for (index_t i = 0; i < p.shape.rows; ++i)
              for (index_t j = 0; j < p.shape.cols; ++j) {
                double sum = 0.0;
                for (index_t k = 0; k < p.shape.depth; ++k)
                  sum += double{p.x.data()[i * p.shape.depth + k]} * p.weights(copy)[j * p.shape.depth + k];
                p.y.data()[i * p.shape.cols + j] = static_cast<float>(sum);
              }
          }};
}

}  // namespace

TEST_CASE("Names of shapes and groups") {
  CHECK(parse_shapes("all").size() == 18);
  CHECK(parse_shapes("vicuna").size() == 7);
  CHECK(parse_shapes("235x1024x2816,quick,small").size() == 8);  // each once, in the order given
  CHECK(parse_shapes("small,decode").front() == Shape{2935, 1024, 1024});
  CHECK(parse_shapes("1x1024x2816").front().decode());
  CHECK_THROWS_WITH(parse_shapes("small,7x7x7"), ContainsSubstring("\"7x7x7\", wanted all, vicuna"));
  CHECK_THROWS_AS(parse_shapes(""), ArgumentError);
  CHECK_THROWS_AS(parse_shapes("small,,decode"), ArgumentError);
}

TEST_CASE("The judge finds what is wrong, missing, or of the other precision") {
  const Problem p({5, 33, 18}, 1);
  REQUIRE(p.copies == 1);
  const Method method = honest(p);
  p.forget();
  CHECK_THROWS_WITH(p.check("idle", false, false, 0), ContainsSubstring("idle, 5x33x18: y[0,0] is nan"));
  method.run(0);
  CHECK_NOTHROW(p.check("honest", false, false, 0));
  CHECK_THROWS_AS(p.check("honest", false, true, 0), ArgumentError);
  CHECK_THROWS_AS(p.check("honest", true, false, 0), ArgumentError);
  p.y.data()[4 * 18 + 17] *= 1.001f;
  CHECK_THROWS_WITH(p.check("near", false, false, 0), ContainsSubstring("y[4,17]"));
}

TEST_CASE("Decoding has more weights than a cache") {
  const Problem p({1, 1024, 2816}, 1);
  CHECK(p.copies * 1024 * 2816 * 4 >= 256 << 20);
  CHECK(p.weights(1) - p.weights(0) == 1024 * 2816);
  CHECK(p.weights(p.copies) - p.w.data() == p.w.size());
}

TEST_CASE("A row's medians, share and ratio") {
  const Row ours{"ours", "", Ceiling::fma, 100.0, {1.0, 4.0, 2.0}, {200.0, 50.0, 100.0}, {0.0, 0.5, 0.0}};
  const Row peer{"peer", "ours", Ceiling::fma, 100.0, {2.0, 8.0, 4.0}, {200.0, 50.0, 100.0}, {0.5, 0.5, 0.0}};
  CHECK(ours.median() == 2.0);
  CHECK(ours.best() == 1.0);
  CHECK(ours.rate() == 50.0);
  CHECK(ours.share() == 0.5);  // although time and ceiling moved
  CHECK(peer.times_faster(ours) == 2.0);
  CHECK_FALSE(ours.disturbed());
  CHECK(peer.disturbed());
}

TEST_CASE("Methods are timed in turn, each between bursts of its ceiling") {
  Ceilings ceilings;
  CHECK(ceilings.burst(Ceiling::fma, 1) > 1e8);
  CHECK(ceilings.burst(Ceiling::read, 1) > 1e7);
  CHECK((ceilings.burst(Ceiling::dot, 1) > 0.0) == ceilings.has(Ceiling::dot));
  const Problem p({7, 12, 9}, 1);
  std::string order;
  Method one = honest(p), two = honest(p);
  one.run = [&order, run = one.run](index_t copy) { run(copy), order += "1"; };
  two.run = [&order, run = two.run](index_t copy) { run(copy), order += "2"; };
  const auto rows = measure(p, {one, two}, ceilings, {.repetitions = 2, .seconds = 0.0, .patience = 0.0});
  CHECK(order == "1112221212");  // judged twice and timed once each, then in turn
  REQUIRE(rows.size() == 2);
  for (const Row& r : rows) {
    CHECK(r.seconds.size() == 2);
    CHECK(r.ceiling.size() == 2);
    CHECK(r.share() > 0.0);
  }
  Method wrong = honest(p);
  wrong.run = [](index_t) {};
  CHECK_THROWS_AS(measure(p, {wrong}, ceilings, {.repetitions = 1, .seconds = 0.0, .patience = 0.0}),
                  ArgumentError);
}
