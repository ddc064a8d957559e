#include "proxyv/backend/grid.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

TEST_CASE("grid: rows of the paper's five crops") {
  const Grid grid{5, 24, 4};
  CHECK(grid.full_rows() == 2880);
  CHECK(grid.pooled_rows() == 180);
  CHECK(grid.pooled_side() == 6);
  CHECK_NOTHROW(grid.check("op", 2880, 180));
  CHECK_NOTHROW(Grid{0, 24, 4}.check("op", 0, 0));
}

TEST_CASE("grid: what does not fit is named") {
  CHECK(error_of<ShapeError>([] { Grid{1, 24, 5}.check("pool", 576, 16); }) == "pool: factor 5 does not divide the crop side 24");
  CHECK(error_of<ShapeError>([] { Grid{5, 24, 4}.check("pool", 2879, 180); }) == "pool: 2879 full and 180 pooled rows, wanted 2880 and 180");
  CHECK(error_of<ShapeError>([] { Grid{5, 24, 4}.check("pool", 2880, 179); }) == "pool: 2880 full and 179 pooled rows, wanted 2880 and 180");
  for (const Grid bad : {Grid{1, 0, 1}, Grid{1, -4, 2}, Grid{1, 4, 0}, Grid{1, 4, -2}, Grid{-1, 4, 2}})
    CHECK_THROWS_AS(bad.check("pool", 0, 0), ShapeError);
}

TEST_CASE("grid: sizes that would wrap are refused") {
  CHECK(error_of<ShapeError>([] { Grid{index_t{1} << 40, 4, 2}.check("pool", 0, 0); }) ==
        "pool: 1099511627776 crops of side 4, wanted at most 1048576");
  CHECK_THROWS_AS((Grid{1, index_t{1} << 62, 1}.check("pool", 0, 0)), ShapeError);
}

TEST_CASE("grid: crops without a raster count their tokens, and no raster op takes them") {
  const Grid set{.crops = 3, .tokens = 403, .proxies = 25};
  CHECK(set.full_rows() == 1209);
  CHECK(set.pooled_rows() == 75);
  CHECK(error_of<ShapeError>([&] { set.check("pool", 1209, 75); }) == "pool: crops of 403 tokens without a raster");
}
