#include "proxyv/eigen/gemm.hpp"

#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

struct Shape {
  index_t m, k, n;
};

}  // namespace

TEST_CASE("gemm: two by two, by hand") {
  auto be = engine();
  const std::vector<float> x{1, 2, 3, 4}, w{10, 20, 30, 40}, bias{0.5f, -1000.f};
  std::vector<float> y(4, 7.f);
  be.gemm({x.data(), 2, 2}, Weight<>(w.data(), DType::f32, 2, 2), {y.data(), 2, 2},
          {Act::none, 1.f, {bias.data(), 2}});
  CHECK(y == std::vector<float>{57.5f, -883.f, 117.5f, -743.f});
}

TEST_CASE("gemm: shapes around every block edge, against the judge") {
  auto be = engine(2);
  auto ref = judge();
  const Shape shapes[] = {{9, 1, 1},       {10, 513, 65}, {241, 33, 70},
                          {13, 1025, 130}, {486, 7, 9},   {12, 20, 1100}};
  std::uint64_t seed = 1;
  for (const Shape& s : shapes) {
    for (DType type : {DType::f32, DType::f16, DType::bf16}) {
      const Block x(s.m, s.k, ++seed);
      const RawWeight w(s.n, s.k, type, ++seed);
      Block y(s.m, s.n, ++seed);
      Block wanted = y;
      const Block bias(1, s.n, ++seed, 0);
      const Epilogue<float, HostSpace> e{
          static_cast<Act>(seed % 4), static_cast<float>(seed / 4 % 2), {bias.in().data(), s.n}};
      be.gemm(x.in(), w.weight, y.view(), e);
      ref.gemm(x.in(), w.weight, wanted.view(), e);
      INFO(s.m << "x" << s.k << "x" << s.n << " " << dtype_name(type));
      CHECK(deviation(y.memory, wanted.memory) < 2e-6);
    }
  }
}

TEST_CASE("gemm: no inner dimension leaves act(bias + beta y); no rows or columns leave nothing to do") {
  auto be = engine();
  Block y(20, 5, 3);
  const Block before = y;
  const std::vector<float> bias{1, 2, 3, 4, 5};
  const View<const float> x(nullptr, 20, 0);
  const Weight<> w(nullptr, DType::bf16, 5, 0);
  be.gemm(x, w, y.view(), {Act::none, 1.f, {bias.data(), 5}});
  CHECK(y.view()(19, 4) == before.in()(19, 4) + 5.f);
  be.gemm(x, w, y.view(), {Act::none, 0.f, {}});
  CHECK(y.view()(19, 4) == 0.f);
  be.gemm({nullptr, 0, 3}, Weight<>(bias.data(), DType::f32, 1, 3), {nullptr, 0, 1}, {});
  be.gemm({bias.data(), 1, 3}, Weight<>(nullptr, DType::f32, 0, 3), {nullptr, 1, 0}, {});
}

TEST_CASE("gemm: beta 0 does not read y") {
  auto be = engine();
  const Block x(20, 30, 1), w(8, 30, 2, 0);
  Block y(20, 8, 3);
  for (float& v : y.memory) v = std::numeric_limits<float>::quiet_NaN();
  be.gemm(x.in(), Weight<>(w.in()), y.view(), {Act::gelu, 0.f, {}});
  for (index_t i = 0; i < 20; ++i)
    for (index_t j = 0; j < 8; ++j) CHECK(std::isfinite(y.view()(i, j)));
}

TEST_CASE("gemm: the bits do not depend on the number of threads") {
  const Block x(300, 700, 1), z(700, 530, 2);
  const RawWeight w(530, 700, DType::bf16, 3);
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 3, 7}) {
    auto be = engine(threads);
    Block y(300, 530, 4), p(300, 530, 5), few(8, 530, 6);
    be.gemm(x.in(), w.weight, y.view(), {Act::silu, 1.f, {}});
    be.product(x.in(), z.in(), p.view(), 1.f);
    be.gemm(x.in().row_range(0, 8), w.weight, few.view(), {});
    y.memory.insert(y.memory.end(), p.memory.begin(), p.memory.end());
    y.memory.insert(y.memory.end(), few.memory.begin(), few.memory.end());
    results.push_back(y.memory);
  }
  for (const auto& r : results) CHECK(small::same_bits(r, results[0]));
}

TEST_CASE("gemm: products, against the judge") {
  auto be = engine(2);
  auto ref = judge();
  for (const Shape& s :
       {Shape{1, 1, 1}, Shape{3, 600, 7}, Shape{50, 17, 131}, Shape{7, 0, 3}, Shape{250, 40, 64}}) {
    const Block x(s.m, s.k, 1), z(s.k, s.n, 2);
    for (float beta : {0.f, 1.f}) {
      Block y(s.m, s.n, 3);
      Block wanted = y;
      be.product(x.in(), z.in(), y.view(), beta);
      ref.product(x.in(), z.in(), wanted.view(), beta);
      CHECK(deviation(y.memory, wanted.memory) < 2e-6);
    }
  }
}

TEST_CASE("gemm: task grids cover the output and cut it for every thread") {
  const detail::TaskGrid wide(100, 4096, 3, 1024, 64), tall(3000, 64, 4, 1024, 64), tiny(1, 1, 8, 1024, 64);
  CHECK(wide.count() == 6);
  CHECK(wide.row_tasks == 1);
  CHECK(tall.col_tasks == 1);
  CHECK(tall.row_tasks == 4);
  CHECK(tiny.count() == 1);
}

TEST_CASE("gemm: task grids of packed weights: blocks of rows first, then columns, several pieces a thread") {
  const auto pieces = [](index_t rows, index_t cols, int threads, index_t least = detail::block_rows) {
    return detail::TaskGrid::pieces(rows, cols, threads, 1024, 64, least);
  };
  const auto tall = pieces(2935, 1024, 2), few = pieces(235, 1024, 2), one = pieces(235, 4096, 1),
             short_blocks = pieces(235, 1024, 2, 48), many = pieces(235, 1024, 16, 48),
             tiny = pieces(3, 10, 8);
  CHECK(tall.row_tasks == 14);
  CHECK(tall.col_tasks == 1);
  CHECK(few.row_tasks == 1);
  CHECK(few.col_tasks == 8);
  CHECK(one.row_tasks == 1);
  CHECK(one.col_tasks == 4);
  CHECK(short_blocks.row_tasks == 4);
  CHECK(short_blocks.col_tasks == 2);
  CHECK(many.row_tasks == 4);
  CHECK(many.col_tasks == 16);
  CHECK(tiny.count() == 1);
}

TEST_CASE("gemm: packed weights give what rows give, on odd shapes of every type") {
  auto ref = judge();
  const Shape shapes[] = {{1, 1, 1},      {1, 1037, 131}, {2, 33, 65},   {9, 513, 64},
                          {16, 20, 1100}, {17, 700, 70},  {241, 33, 70}, {486, 1025, 9}};
  std::uint64_t seed = 1;
  for (const Shape& s : shapes) {
    for (DType type : {DType::f32, DType::f16, DType::bf16}) {
      const Block x(s.m, s.k, ++seed), bias(1, s.n, ++seed, 0);
      const RawWeight w(s.n, s.k, type, ++seed);
      Block first(s.m, s.n, ++seed);
      Block wanted = first;
      const Epilogue<float, HostSpace> e{
          static_cast<Act>(seed % 4), static_cast<float>(seed / 4 % 2), {bias.in().data(), s.n}};
      ref.gemm(x.in(), w.weight, wanted.view(), e);
      const Block before = first;
      for (int threads : {1, 2, 3}) {
        auto be = engine(threads);
        const PackedWeight packed(be, w.weight);
        Block y = before;
        be.gemm(x.in(), packed.weight, y.view(), e);
        INFO(s.m << "x" << s.k << "x" << s.n << " " << dtype_name(type) << " on " << threads);
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
        if (threads == 1) first = y;
        CHECK(small::same_bits(y.memory, first.memory));
      }
    }
  }
}

TEST_CASE("gemm: with packed weights a row's result does not depend on how many rows there are") {
  auto be = engine(2);
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    const Block x(300, 1100, 1);
    const RawWeight w(150, 1100, type, 2);
    const PackedWeight packed(be, w.weight);
    Block all(300, 150, 3, 0), few(12, 150, 3, 0), one(1, 150, 3, 0);
    be.gemm(x.in(), packed.weight, all.view(), {});
    be.gemm(x.in().row_range(7, 12), packed.weight, few.view(), {});
    be.gemm(x.in().row_range(9, 1), packed.weight, one.view(), {});
    for (index_t j = 0; j < 150; ++j) {
      CHECK(few.view()(2, j) == all.view()(9, j));
      CHECK(one.view()(0, j) == all.view()(9, j));
    }
  }
}

TEST_CASE("gemm: weights packed for other panels are refused") {
  auto be = engine();
  const Block x(2, 4, 1);
  Block y(2, 3, 2);
  const std::vector<float> data(4 * (be.panel_rows() + 1) * 2);
  const auto other = Weight<>::in_panels(data.data(), DType::f32, 3, 4, be.panel_rows() + 1);
  CHECK_THROWS_WITH(be.gemm(x.in(), other, y.view(), {}), ContainsSubstring("this engine reads panels of"));
  std::vector<std::byte> to(1);
  CHECK_THROWS_WITH(be.pack_weight(other, to.data()), "pack_weight: the weight is packed already");
}
