#include "proxyv/proxy/bilinear_pool.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("bilinear pool: proxies of each crop, no splat") {
  R be{HostOptions{}};
  Matrix full(32, 1), proxies(2, 1);
  for (index_t i = 0; i < 32; ++i) full.view()(i, 0) = static_cast<float>(i);
  const BilinearPool<R, int> pool;
  pool(be, full, proxies, {}, Grid{2, 4, 4});
  CHECK(proxies.values == std::vector<float>{7.5f, 23.5f});
  STATIC_REQUIRE_FALSE(BilinearPool<R, int>::learned);
}

TEST_CASE("bilinear pool: rows that do not fit the grid are refused") {
  R be{HostOptions{}};
  Matrix full(32, 1), proxies(3, 1, 9.f);
  const BilinearPool<R, int> pool;
  CHECK(small::error_of<ShapeError>([&] { pool(be, full, proxies, {}, Grid{2, 4, 4}); }) ==
        "bilinear_pool: 32 full and 3 pooled rows, wanted 32 and 2");
  CHECK(small::error_of<ShapeError>([&] { pool(be, full, proxies, {}, Grid{2, 4, 3}); }) ==
        "bilinear_pool: factor 3 does not divide the crop side 4");
  CHECK(proxies.values == std::vector<float>(3, 9.f));
}
