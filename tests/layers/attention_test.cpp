#include "proxyv/layers/attention.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {
// hidden 2, two query heads over one key/value head, heads of 2. Tables: a quarter turn for row 1.
const Matrix identity2(2, 2, {1, 0, 0, 1}), q_weight(4, 2, {1, 0, 0, 1, 2, 0, 0, 2}), o_weight(2, 4, {1, 0, 0, 0, 0, 0, 0, 1});
const Matrix v_bias(1, 2, {10, 20}), x(2, 2, {1, 2, 3, 4});
Matrix quarter() { return Matrix(2, 2, {1, 0, 0, 1}); }  // [cos | sin]: row 0 none, row 1 a quarter

Attention<R> attention() {
  return Attention<R>({.q = Linear<R>(q_weight.weight()), .k = Linear<R>(identity2.weight()),
                       .v = Linear<R>(identity2.weight(), v_bias.span()), .o = Linear<R>(o_weight.weight())},
                      Heads{2, 1, 2});
}
}  // namespace

TEST_CASE("attention layer: keys turn, values do not") {
  R be{HostOptions{}};
  auto table = quarter();
  Matrix keys(2, 2), values(2, 2);
  attention().keys_values(be, x, table, keys, values);
  CHECK(keys.values == std::vector<float>{1, 2, -4, 3});
  CHECK(values.values == std::vector<float>{11, 22, 13, 24});
}

TEST_CASE("attention layer: every query head turns") {
  R be{HostOptions{}};
  auto table = quarter();
  Matrix q(2, 4);
  attention().queries(be, x, table, q);
  CHECK(q.values == std::vector<float>{1, 2, 2, 4, -4, 3, -8, 6});
}

TEST_CASE("attention layer: the output is added") {
  R be{HostOptions{}};
  const Matrix seen(1, 4, {1, 2, 3, 4});
  Matrix stream(1, 2, {100, 200});
  attention().add_output(be, seen, stream);
  CHECK(stream.values == std::vector<float>{101, 204});
  CHECK(attention().heads().query == 2);
}
