#include "proxyv/eigen/gather.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("gather: rows by number, repeated and out of order, exact for every element type") {
  auto be = engine(2);
  auto ref = judge();
  const std::vector<std::int32_t> ids{4, 0, 4, 2};
  for (index_t n : {1, 16, 37}) {
    for (DType type : {DType::f32, DType::f16, DType::bf16}) {
      const RawWeight table(5, n, type, 1);
      Block y(4, n, 2);
      Block wanted = y;
      be.embed(table.weight, {ids.data(), 4}, y.view());
      ref.embed(table.weight, {ids.data(), 4}, wanted.view());
      CHECK(y.memory == wanted.memory);
    }
    const Block x(5, n, 3);
    Block y(4, n, 4);
    be.gather(x.in(), {ids.data(), 4}, y.view());
    CHECK(y.view()(0, n - 1) == x.in()(4, n - 1));
    CHECK(y.view()(3, 0) == x.in()(2, 0));
  }
}

TEST_CASE("gather: rows of a packed weight") {
  auto be = engine(2);
  const std::vector<std::int32_t> ids{70, 0, 3};
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    const RawWeight table(71, 13, type, 1);
    const PackedWeight packed(be, table.weight);
    Block y(3, 13, 2);
    Block wanted = y;
    be.embed(packed.weight, {ids.data(), 3}, y.view());
    be.embed(table.weight, {ids.data(), 3}, wanted.view());
    CHECK(y.memory == wanted.memory);
  }
}
