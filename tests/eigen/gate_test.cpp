#include "proxyv/eigen/gate.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("gate: by hand") {
  auto be = engine();
  const std::vector<float> x{2}, gate{1, -1}, up{3, 5};
  std::vector<float> y(2);
  be.swiglu({x.data(), 1, 1}, Weight<>(gate.data(), DType::f32, 2, 1), Weight<>(up.data(), DType::f32, 2, 1),
            {y.data(), 1, 2});
  CHECK(y[0] == Approx(6 * 2 / (1 + std::exp(-2.0))));
  CHECK(y[1] == Approx(10 * -2 / (1 + std::exp(2.0))));
}

TEST_CASE("gate: few rows and many, mixed element types, against the judge") {
  auto ref = judge();
  struct Shape {
    index_t m, k, n;
  };
  for (const Shape& s : {Shape{1, 40, 300}, Shape{8, 7, 5}, Shape{9, 600, 70}, Shape{33, 17, 531},
                         Shape{1100, 3, 70}, Shape{12, 0, 4}}) {
    const Block x(s.m, s.k, 1);
    const RawWeight gate(s.n, s.k, DType::bf16, 2), up(s.n, s.k, DType::f16, 3);
    Block first(s.m, s.n, 4);
    Block wanted = first;
    ref.swiglu(x.in(), gate.weight, up.weight, wanted.view());
    for (int threads : {1, 2, 3}) {
      auto be = engine(threads);
      Block y(s.m, s.n, 4);
      be.swiglu(x.in(), gate.weight, up.weight, y.view());
      INFO(s.m << "x" << s.k << "x" << s.n << " on " << threads);
      CHECK(deviation(y.memory, wanted.memory) < 3e-6);
      if (threads == 1) first = y;
      CHECK(small::same_bits(y.memory, first.memory));
    }
  }
}

TEST_CASE("gate: packed weights, one or both, few rows and many, against the judge") {
  auto ref = judge();
  struct Shape {
    index_t m, k, n;
  };
  for (const Shape& s :
       {Shape{1, 40, 300}, Shape{8, 7, 5}, Shape{33, 600, 2070}, Shape{500, 17, 131}, Shape{12, 0, 4}}) {
    const Block x(s.m, s.k, 1);
    const RawWeight gate(s.n, s.k, DType::bf16, 2), up(s.n, s.k, DType::f32, 3);
    Block wanted(s.m, s.n, 4);
    ref.swiglu(x.in(), gate.weight, up.weight, wanted.view());
    for (int both : {0, 1}) {
      Block first = wanted;
      for (int threads : {1, 2, 3}) {
        auto be = engine(threads);
        const PackedWeight packed_gate(be, gate.weight), packed_up(be, up.weight);
        Block y(s.m, s.n, 4);
        be.swiglu(x.in(), packed_gate.weight, both == 1 ? packed_up.weight : up.weight, y.view());
        INFO(s.m << "x" << s.k << "x" << s.n << " on " << threads << " both " << both);
        CHECK(deviation(y.memory, wanted.memory) < 3e-6);
        if (threads == 1) first = y;
        CHECK(small::same_bits(y.memory, first.memory));
      }
    }
  }
}
