#include "proxyv/layers/shape_check.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using R = ReferenceBackend;

TEST_CASE("shape check: every kind of tensor is named with found and wanted") {
  const ShapeCheck<R> check;
  CHECK_NOTHROW(check.matrix("w", Weight<>(nullptr, DType::f16, 3, 4), 3, 4));
  CHECK_NOTHROW(check.dense("x", {nullptr, 3, 4}, 3, 4));
  CHECK_NOTHROW(check.vector("v", {nullptr, 4}, 4));
  CHECK(error_of<ShapeError>([&] { check.matrix("w", Weight<>(nullptr, DType::f16, 4, 3), 3, 4); }) == "weights: w is [4, 3], wanted [3, 4]");
  CHECK(error_of<ShapeError>([&] { check.matrix("w", {}, 3, 4); }) == "weights: w is [0, 0], wanted [3, 4]");
  CHECK(error_of<ShapeError>([&] { check.dense("x", {nullptr, 3, 5}, 3, 4); }) == "weights: x is [3, 5], wanted [3, 4]");
  CHECK(error_of<ShapeError>([&] { check.vector("v", {}, 4); }) == "weights: v is [1, 0], wanted [1, 4]");
}
