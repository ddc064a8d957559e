#include "proxyv/proxy/learned_pool.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("learned pool: proxies are a softmax over the crop's tokens, splat one over the proxies") {
  R be({.workspace_bytes = 4096});
  const float ln2 = std::log(2.f), ln3 = std::log(3.f), ln4 = std::log(4.f);
  const Matrix full(4, 1, {0, ln2, ln3, ln4}), key(1, 1, {1}), tokens(2, 1, {1, 0});
  Matrix proxies(2, 1), splat(4, 2);
  LearnedPool<R, int>({.key = key.weight(), .tokens = tokens})(be, full, proxies, splat, Grid{1, 2, 1});
  CHECK(proxies.values[0] == Approx(1.0227309));                 // 1/10, 2/10, 3/10, 4/10
  CHECK(proxies.values[1] == Approx((ln2 + ln3 + ln4) / 4.f));   // a query of 0 looks at all alike
  const std::vector<double> first{1.0 / 2, 2.0 / 3, 3.0 / 4, 4.0 / 5};
  for (std::size_t t = 0; t < 4; ++t) {
    CHECK(splat.values[2 * t] == Approx(first[t]));
    CHECK(splat.values[2 * t + 1] == Approx(1.0 - first[t]));
  }
}

TEST_CASE("learned pool: scores are scaled by the inner width") {
  R be({.workspace_bytes = 4096});
  const Matrix full(1, 1, {std::log(9.f) / 2.f}), key(4, 1, {1, 1, 1, 1}), tokens(2, 4, {1, 1, 1, 1, 0, 0, 0, 0});
  Matrix proxies(2, 1), splat(1, 2);
  LearnedPool<R, int>({.key = key.weight(), .tokens = tokens})(be, full, proxies, splat, Grid{1, 1, 1});
  CHECK(splat.values[0] == Approx(0.9));  // logit 4 * ln(9)/2 / sqrt(4) = ln 9
}

TEST_CASE("learned pool: crops do not mix") {
  R be({.workspace_bytes = 1 << 14});
  const Matrix full = small::noise(8, 3, 1), key = small::noise(2, 3, 2), tokens = small::noise(2, 2, 3);
  const LearnedPool<R, int> pool({.key = key.weight(), .tokens = tokens});
  Matrix both(4, 3), both_splat(8, 2), one(2, 3), one_splat(4, 2);
  pool(be, full, both, both_splat, Grid{2, 2, 1});
  pool(be, full.view().row_range(4, 4), one, one_splat, Grid{1, 2, 1});
  CHECK(small::same_bits(small::values(both.view().row_range(2, 2)), one.values));
  CHECK(small::same_bits(small::values(both_splat.view().row_range(4, 4)), one_splat.values));
}

TEST_CASE("learned pool: shapes that do not fit are refused") {
  R be({.workspace_bytes = 4096});
  const Matrix full(8, 3), key(2, 3), tokens(2, 2);
  Matrix proxies(3, 3, 9.f), splat(8, 2, 9.f);
  CHECK(small::error_of<ShapeError>([&] {
          LearnedPool<R, int>({.key = key.weight(), .tokens = tokens})(be, full, proxies, splat, Grid{2, 2, 1});
        }) == "LearnedPool: 8 tokens to 3 proxies in 2 crops of 4 tokens and 2 proxies");
  CHECK(proxies.values == std::vector<float>(9, 9.f));
}
