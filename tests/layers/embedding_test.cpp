#include "proxyv/layers/embedding.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;
using R = ReferenceBackend;

namespace {
const Matrix table(3, 2, {1, 2, 3, 4, 5, 6});
std::string refused(const std::vector<TokenId>& ids) {
  return error_of<ArgumentError>([&] { Embedding<R>(table.weight()).check(small::span_of(ids)); });
}
}  // namespace

TEST_CASE("embedding: rows by id") {
  R be{HostOptions{}};
  const std::vector<TokenId> ids{2, 0, 2};
  Matrix y(3, 2);
  Embedding<R>(table.weight())(be, small::span_of(ids), y);
  CHECK(y.values == std::vector<float>{5, 6, 1, 2, 5, 6});
}

TEST_CASE("embedding: ids outside the table are named with their place") {
  CHECK(refused({0, 1, 2}) == "nothing was thrown");
  CHECK(refused({0, 3}) == "embedding: token 1 is 3, wanted 0..2");
  CHECK(refused({-1}) == "embedding: token 0 is -1, wanted 0..2");
  CHECK(refused({0, -200, 3}) == "embedding: token 1 is -200, wanted 0..2");
  CHECK(refused({2147483647}) == "embedding: token 0 is 2147483647, wanted 0..2");
  CHECK(error_of<ArgumentError>([] { Embedding<R>(table.weight()).check({nullptr, 2}); }) == "embedding: null ids");
  CHECK_NOTHROW(Embedding<R>(table.weight()).check({}));
}
