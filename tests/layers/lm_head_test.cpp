#include "proxyv/layers/lm_head.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("lm head: norm, then the vocabulary") {
  R be{HostOptions{}};
  const Matrix gain(1, 2, {1, 2}), w(3, 2, {1, 0, 0, 1, 1, -1}), x(1, 2, {3, 4});
  const LmHead<R> head(RmsNorm<R>(gain.span(), 3.5f), w.weight());
  Matrix normed(1, 2), logits(1, 3);
  head(be, x, normed, logits);
  CHECK(head.vocab() == 3);
  CHECK(normed.values[0] == Approx(0.75));
  CHECK(normed.values[1] == Approx(2.0));
  CHECK(logits.values[0] == Approx(0.75));
  CHECK(logits.values[1] == Approx(2.0));
  CHECK(logits.values[2] == Approx(-1.25));
}
