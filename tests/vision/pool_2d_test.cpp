#include "proxyv/vision/pool_2d.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using proxyv::index_t;
using proxyv::PoolMode;
using proxyv::View;

namespace {

/// Pools frames of side x side tokens with `cols` features each.
std::vector<float> pooled(std::vector<float> x, index_t side, index_t stride, PoolMode mode,
                          index_t cols = 1) {
  const auto rows = static_cast<index_t>(x.size()) / cols;
  const index_t out_side = pooled_side(side, stride, mode);
  const index_t out_rows = rows / (side * side) * out_side * out_side;
  std::vector<float> y(static_cast<std::size_t>(out_rows * cols));
  pool_2d({x.data(), rows, cols}, {y.data(), out_rows, cols}, side, stride, mode);
  return y;
}

const std::vector<float> nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
const std::vector<float> sixteen{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace

TEST_CASE("pool_2d: average and maximum of windows") {
  CHECK(pooled(sixteen, 4, 2, PoolMode::average) == std::vector<float>{2.5f, 4.5f, 10.5f, 12.5f});
  CHECK(pooled(sixteen, 4, 2, PoolMode::max) == std::vector<float>{5, 7, 13, 15});
  CHECK(pooled(sixteen, 4, 4, PoolMode::average) == std::vector<float>{7.5f});
  CHECK(pooled(sixteen, 4, 1, PoolMode::max) == sixteen);
}

TEST_CASE("pool_2d: windows drop a ragged border") {
  CHECK(pooled(nine, 3, 2, PoolMode::average) == std::vector<float>{3});
  CHECK(pooled(nine, 3, 2, PoolMode::max) == std::vector<float>{5});
  CHECK(pooled(sixteen, 4, 3, PoolMode::max) == std::vector<float>{10});
}

TEST_CASE("pool_2d: bilinear rounds the side up") {
  // Output i of 2 reads 3 samples at (i + 0.5) * 1.5 - 0.5 = 0.25 and 1.75.
  CHECK(pooled(nine, 3, 2, PoolMode::bilinear) == std::vector<float>{2, 3.5f, 6.5f, 8});
  CHECK(pooled(sixteen, 4, 2, PoolMode::bilinear) == std::vector<float>{2.5f, 4.5f, 10.5f, 12.5f});
  CHECK(pooled(nine, 3, 3, PoolMode::bilinear) == std::vector<float>{5});
}

TEST_CASE("pool_2d: frames and features stay apart") {
  const std::vector<float> two_frames{1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80};
  CHECK(pooled(two_frames, 2, 2, PoolMode::average, 2) == std::vector<float>{2.5f, 25, 6.5f, 65});
  CHECK(pooled(two_frames, 2, 2, PoolMode::max, 2) == std::vector<float>{4, 40, 8, 80});
}

TEST_CASE("pool_2d: NaN shows") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& x : {std::vector<float>{nan, 1, 2, 3}, std::vector<float>{3, nan, 1, 2}}) {
    for (const PoolMode mode : {PoolMode::average, PoolMode::max})
      CHECK(std::isnan(pooled(x, 2, 2, mode)[0]));
  }
}

TEST_CASE("pool_2d: rows with a stride") {
  std::vector<float> x{1, -1, 2, -1, 3, -1, 4, -1}, y{0, 99};
  pool_2d(View<const float>(x.data(), 4, 1, 2), View<float>(y.data(), 1, 1, 2), 2, 2, PoolMode::average);
  CHECK(y == std::vector<float>{2.5f, 99});
}

TEST_CASE("pool_2d: bad arguments") {
  std::vector<float> x(9), y(4);
  const View<const float> in(x.data(), 9, 1);
  const View<float> out(y.data(), 4, 1);
  CHECK_THROWS_WITH(pool_2d(in, out, 3, 0, PoolMode::max),
                    "pool_2d: wanted 1 <= stride <= side <= 1048576, found side 3, stride 0");
  CHECK_THROWS_AS(pool_2d(in, out, 3, 4, PoolMode::max), proxyv::ArgumentError);
  CHECK_THROWS_AS(pool_2d(in, out, index_t{1} << 40, 4, PoolMode::max), proxyv::ArgumentError);
  CHECK_THROWS_WITH(pool_2d(in, out, 2, 2, PoolMode::max), "pool_2d: x has 9 rows, wanted a multiple of 4");
  CHECK_THROWS_WITH(pool_2d(in, out, 3, 3, PoolMode::max), "pool_2d: y wanted [1, 1], found [4, 1]");
  CHECK_THROWS_WITH(pool_2d(in, {x.data(), 4, 1}, 3, 2, PoolMode::bilinear), "pool_2d: x and y overlap");
  CHECK_THROWS_WITH(pool_2d({nullptr, 9, 1}, out, 3, 2, PoolMode::bilinear), "pool_2d: null data");
  CHECK_NOTHROW(pool_2d({nullptr, 0, 1}, {nullptr, 0, 1}, 3, 2, PoolMode::max));
}
