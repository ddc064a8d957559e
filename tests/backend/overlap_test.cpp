#include "proxyv/backend/overlap.hpp"

#include <vector>

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("overlap: bytes in common, nothing else") {
  std::vector<float> memory(100);
  float* m = memory.data();
  const View<float> x(m + 20, 3, 4);
  CHECK(overlap(x, x));
  CHECK(overlap(x, View<float>(m + 31, 1, 4)));
  CHECK(overlap(View<float>(m + 31, 1, 4), x));
  CHECK_FALSE(overlap(x, View<float>(m + 32, 1, 4)));
  CHECK_FALSE(overlap(x, View<float>(m + 16, 1, 4)));
  CHECK(overlap(x, View<float>(m + 17, 1, 4)));
  CHECK(overlap(Weight<>(m + 22, DType::bf16, 1, 1), x));
  CHECK_FALSE(overlap(Weight<>(m + 32, DType::bf16, 4, 4), x));
}

TEST_CASE("overlap: column ranges of one matrix") {
  std::vector<float> memory(100);
  const View<float> whole(memory.data(), 5, 10);
  const auto columns = [&](index_t begin, index_t count) { return whole.col_range(begin, count); };
  CHECK_FALSE(overlap(columns(0, 5), columns(5, 5)));
  CHECK_FALSE(overlap(columns(5, 5), columns(0, 5)));
  CHECK(overlap(columns(0, 6), columns(5, 5)));
  CHECK(overlap(columns(5, 5), columns(0, 6)));
  CHECK_FALSE(overlap(columns(0, 5).row_range(2, 2), columns(5, 5)));
  CHECK(overlap(columns(3, 4).row_range(2, 2), columns(4, 1)));
  CHECK(overlap(columns(0, 5), View<float>(memory.data() + 5, 5, 5, 11)));  // other stride: by extent
}

TEST_CASE("overlap: nothing shares nothing") {
  std::vector<float> memory(10);
  const View<float> x(memory.data(), 2, 5), none;
  CHECK_FALSE(overlap(x, x.row_range(1, 0)));
  CHECK_FALSE(overlap(x, View<float>(memory.data(), 2, 0, 5)));
  CHECK_FALSE(overlap(none, none));
  CHECK_FALSE(overlap(View<float>(nullptr, 4, 4), View<float>(nullptr, 4, 4)));
  CHECK_NOTHROW(check::apart("op", "x", x, View<float>(nullptr, 2, 5)));
}
