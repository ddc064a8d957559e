#include "proxyv/layers/fold.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {

std::vector<float> of(const FoldedWeight<R>& folded) {
  const auto* first = static_cast<const float*>(folded.weight().data());
  return {first, first + folded.weight().rows() * folded.weight().cols()};
}

}  // namespace

TEST_CASE("fold: the product of the two, of the part asked for") {
  R be({.workspace_bytes = 4096});
  const Matrix first(2, 4, {1, 2, 3, 4, 5, 6, 7, 8}), second(2, 3, {1, 0, 2, 0, 1, 3});
  const auto left = fold<R>(be, first.weight(), second.weight()), right = fold<R>(be, first.weight(), second.weight(), 1);
  CHECK(of(left) == std::vector<float>{1, 2, 8, 5, 6, 28});
  CHECK(of(right) == std::vector<float>{3, 4, 18, 7, 8, 38});
}

TEST_CASE("fold: a part that is not there is refused") {
  R be({.workspace_bytes = 4096});
  const Matrix first(2, 4), second(2, 3);
  CHECK(small::error_of<ShapeError>([&] { fold<R>(be, first.weight(), second.weight(), 2); }) == "fold: part 2 of [2, 4] before [2, 3]");
  CHECK_THROWS_AS(fold<R>(be, first.weight(), second.weight(), -1), ShapeError);
}
