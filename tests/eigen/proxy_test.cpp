#include "proxyv/eigen/proxy.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("proxy: by two is the mean of four, by three the middle one, by one the token itself") {
  auto be = engine();
  const std::vector<float> x{1, 2, 5, 8};
  std::vector<float> y(1);
  be.bilinear_pool({x.data(), 4, 1}, {y.data(), 1, 1}, {1, 2, 2});
  CHECK(y[0] == 4.f);
  std::vector<float> nine{1, 2, 3, 4, 50, 6, 7, 8, 9};
  be.bilinear_pool({nine.data(), 9, 1}, {y.data(), 1, 1}, {1, 3, 3});
  CHECK(y[0] == 50.f);
  std::vector<float> same(4);
  be.bilinear_pool({x.data(), 4, 1}, {same.data(), 4, 1}, {1, 2, 1});
  CHECK(same == x);
}

TEST_CASE("proxy: upsampling copies each proxy to its block") {
  auto be = engine();
  const std::vector<float> x{1, 2};
  std::vector<float> y(8);
  be.upsample({x.data(), 2, 1}, {y.data(), 8, 1}, {2, 2, 2});
  CHECK(y == std::vector<float>{1, 1, 1, 1, 2, 2, 2, 2});
}

TEST_CASE("proxy: several crops, odd widths, against the judge") {
  auto be = engine(2);
  auto ref = judge();
  for (index_t factor : {1, 2, 3, 4}) {
    const Grid grid{3, 12, factor};
    for (index_t n : {1, 19, 64}) {
      const Block full(grid.full_rows(), n, 1), small_rows(grid.pooled_rows(), n, 2);
      Block pooled(grid.pooled_rows(), n, 3), big(grid.full_rows(), n, 4);
      Block wanted = pooled, copies = big;
      be.bilinear_pool(full.in(), pooled.view(), grid);
      ref.bilinear_pool(full.in(), wanted.view(), grid);
      CHECK(deviation(pooled.memory, wanted.memory) < 5e-7);
      be.upsample(small_rows.in(), big.view(), grid);
      ref.upsample(small_rows.in(), copies.view(), grid);
      CHECK(big.memory == copies.memory);
    }
  }
}
