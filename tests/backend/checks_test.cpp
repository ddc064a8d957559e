#include "proxyv/backend/checks.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {
View<const float> shape(index_t rows, index_t cols) { return {nullptr, rows, cols}; }
Weight<> weight(index_t rows, index_t cols) { return {nullptr, DType::bf16, rows, cols}; }
Span<const float> vector(index_t n) { return {nullptr, n}; }
using E = Epilogue<float, HostSpace>;
}  // namespace

TEST_CASE("checks: what fits passes") {
  CHECK_NOTHROW(check::gemm(shape(2, 3), weight(4, 3), shape(2, 4), E{.bias = vector(4)}));
  CHECK_NOTHROW(check::product(shape(2, 3), shape(3, 4), shape(2, 4), 1.f));
  CHECK_NOTHROW(check::swiglu(shape(2, 3), weight(5, 3), weight(5, 3), shape(2, 5)));
  CHECK_NOTHROW(check::softmax_rows(shape(2, 3), shape(2, 3), shape(0, 0)));
  CHECK_NOTHROW(check::rotate(shape(2, 8), shape(2, 4)));
  CHECK_NOTHROW(check::sample(shape(1, 9), vector(1)));
}

TEST_CASE("checks: gemm and product name all shapes") {
  CHECK(error_of<ShapeError>([] { check::gemm(shape(2, 3), weight(4, 5), shape(2, 4), E{}); }) ==
        "gemm: x [2, 3], w [4, 5] -> y [2, 4], wanted [m, k], [n, k] -> [m, n]");
  CHECK_THROWS_AS(check::gemm(shape(2, 3), weight(4, 3), shape(3, 4), E{}), ShapeError);
  CHECK_THROWS_AS(check::gemm(shape(2, 3), weight(4, 3), shape(2, 5), E{}), ShapeError);
  CHECK(error_of<ShapeError>([] { check::gemm(shape(2, 3), weight(4, 3), shape(2, 4), E{.bias = vector(3)}); }) ==
        "gemm: bias of 3, wanted 4");
  CHECK(error_of<ArgumentError>([] { check::gemm(shape(2, 3), weight(4, 3), shape(2, 4), E{.beta = 0.5f}); }) ==
        "gemm: beta 0.500000, wanted 0 or 1");
  CHECK(error_of<ShapeError>([] { check::product(shape(2, 3), shape(4, 3), shape(2, 3), 0.f); }) ==
        "product: x [2, 3], z [4, 3] -> y [2, 3], wanted [m, k], [k, n] -> [m, n]");
  CHECK(error_of<ArgumentError>([] { check::product(shape(2, 3), shape(3, 3), shape(2, 3), 2.f); }) ==
        "product: beta 2.000000, wanted 0 or 1");
}

TEST_CASE("checks: the ops per row") {
  CHECK(error_of<ShapeError>([] { check::same_shape("copy", shape(2, 3), shape(2, 4)); }) ==
        "copy: x [2, 3], y [2, 4], wanted equal shapes");
  CHECK(error_of<ShapeError>([] { check::gain("rms_norm", shape(2, 3), vector(2)); }) == "rms_norm: gain of 2, wanted 3");
  CHECK(error_of<ShapeError>([] { check::softmax_rows(shape(2, 3), shape(2, 3), shape(3, 2)); }) ==
        "softmax_rows: mask [3, 2], wanted [2, 3]");
  CHECK(error_of<ShapeError>([] { check::swiglu(shape(2, 3), weight(5, 3), weight(6, 3), shape(2, 5)); }) ==
        "swiglu: x [2, 3], gate [5, 3], up [6, 3] -> y [2, 5]");
  CHECK(error_of<ShapeError>([] { check::gather("embed", weight(9, 4), vector(2), shape(3, 4)); }) ==
        "embed: 2 ids of rows of 4 -> y [3, 4]");
  CHECK(error_of<ShapeError>([] { check::sample(shape(2, 9), vector(1)); }) ==
        "sample: logits [2, 9] -> 1 tokens, wanted one row and one token");
  CHECK_THROWS_AS(check::sample(shape(1, 0), vector(1)), ShapeError);
}

TEST_CASE("checks: rotary embedding turns pairs of whole heads") {
  CHECK(error_of<ShapeError>([] { check::rotary_table(vector(2), Rotary{5, 1e4}, shape(2, 5)); }) ==
        "rotary: head size 5, wanted an even number");
  CHECK_THROWS_AS(check::rotary_table(vector(2), Rotary{0, 1e4}, shape(2, 0)), ShapeError);
  CHECK(error_of<ShapeError>([] { check::rotary_table(vector(2), Rotary{4, 1e4}, shape(3, 4)); }) ==
        "rotary: table [3, 4], wanted [2, 4]");
  CHECK(error_of<ShapeError>([] {
          Rotary rotary{4, 1e4};
          rotary.scaling.pairs = 3;
          check::rotary_table(vector(2), rotary, shape(2, 4));
        }) == "rotary: scaling of 3 pairs, wanted 2");
  CHECK(error_of<ShapeError>([] { check::rotate(shape(2, 6), shape(2, 4)); }) ==
        "rotate: x [2, 6], table [2, 4], wanted equal rows and whole heads");
  CHECK_THROWS_AS(check::rotate(shape(2, 6), shape(2, 0)), ShapeError);
}

TEST_CASE("checks: results apart from what they are made of") {
  std::vector<float> memory(64);
  const View<float> x(memory.data(), 2, 4), y(memory.data() + 7, 2, 4), apart(memory.data() + 8, 2, 4), square(memory.data() + 32, 4, 4);
  const Weight<> w{View<const float>(square)};
  CHECK_NOTHROW(check::gemm(x, w, apart, E{}));
  CHECK(error_of<ArgumentError>([&] { check::gemm(x, w, y, E{}); }) == "gemm: the output overlaps x");
  CHECK(error_of<ArgumentError>([&] { check::gemm(x, Weight<>(square), square.row_range(2, 2), E{}); }) == "gemm: the output overlaps w");
  CHECK(error_of<ArgumentError>([&] { check::product(x, square, x, 0.f); }) == "product: the output overlaps x");
  CHECK(error_of<ArgumentError>([&] { check::product(x, square, square.row_range(1, 2), 0.f); }) == "product: the output overlaps z");
  CHECK(error_of<ArgumentError>([&] { check::swiglu(x, w, w, x); }) == "swiglu: the output overlaps x");
  CHECK(error_of<ArgumentError>([&] { check::gather("gather", x, vector(2), x); }) == "gather: the output overlaps the table");
}

TEST_CASE("checks: packed weights are for the engine with the same panels") {
  const auto packed = Weight<>::in_panels(nullptr, DType::f32, 3, 4, 16);
  const View<float> x(nullptr, 2, 4), y(nullptr, 2, 3);
  CHECK_NOTHROW(check::gemm(x, packed, y, E{}, 16));
  CHECK(error_of<ArgumentError>([&] { check::gemm(x, packed, y, E{}); }) ==
        "gemm: w [3, 4] is packed in panels of 16 rows, this engine reads rows");
  CHECK(error_of<ArgumentError>([&] { check::swiglu(x, packed, packed, y, 64); }) ==
        "swiglu: gate [3, 4] is packed in panels of 16 rows, this engine reads panels of 64");
  CHECK(error_of<ArgumentError>([&] { check::swiglu(x, Weight<>(nullptr, DType::f32, 3, 4), packed, y); }) ==
        "swiglu: up [3, 4] is packed in panels of 16 rows, this engine reads rows");
  CHECK(error_of<ArgumentError>([&] { check::gather("embed", packed, vector(2), View<float>(nullptr, 2, 4)); }) ==
        "embed: the table [3, 4] is packed in panels of 16 rows, this engine reads rows");
}
