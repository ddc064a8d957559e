#include "proxyv/eigen/rope.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("rope: a quarter turn, and position 0 turns nothing") {
  auto be = engine();
  const std::vector<float> table{0, 1, 1, 0};  // cos, sin for head size 2: rows turn by 90 and by 0 degrees
  std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8};
  be.rotate({x.data(), 2, 4}, {table.data(), 2, 2});
  CHECK(x == std::vector<float>{-2, 1, -4, 3, 5, 6, 7, 8});
}

TEST_CASE("rope: the table is the judge's, bit for bit, on any number of threads") {
  auto ref = judge();
  const std::vector<std::int32_t> positions{0, 1, 5, 4095, 131071, 2};
  for (int threads : {1, 3}) {
    auto be = engine(threads);
    Block found(6, 80, 1), wanted(6, 80, 1);
    be.rotary_table({positions.data(), 6}, {80, 1e6}, found.view());
    ref.rotary_table({positions.data(), 6}, {80, 1e6}, wanted.view());
    CHECK(small::same_bits(found.memory, wanted.memory));
  }
}

TEST_CASE("rope: odd half sizes, against the judge") {
  auto be = engine(2);
  auto ref = judge();
  for (index_t dim : {2, 6, 16, 34, 66, 128}) {
    Block x(23, 3 * dim, 1);
    Block wanted = x;
    const Block table(23, dim, 2);
    be.rotate(x.view(), table.in());
    ref.rotate(wanted.view(), table.in());
    CHECK(deviation(x.memory, wanted.memory) < 5e-7);
  }
}
