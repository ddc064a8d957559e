#include "proxyv/backend/host_ranking.hpp"

#include <vector>

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using Ints = std::vector<std::int32_t>;

namespace {

Ints keep_top(std::vector<float> scores, index_t always, index_t k, index_t base = 0) {
  ReferenceBackend be({.workspace_bytes = 1 << 12});
  Ints kept(static_cast<std::size_t>(k));
  be.keep_top({scores.data(), 1, static_cast<index_t>(scores.size())}, always, {kept.data(), k}, base);
  return kept;
}
Ints renumber(Ints x) {
  ReferenceBackend be({.workspace_bytes = 1 << 12});
  Ints y(x.size());
  be.renumber({x.data(), static_cast<index_t>(x.size())}, {y.data(), static_cast<index_t>(y.size())});
  return y;
}
Span<std::int32_t> span(Ints& x) { return {x.data(), static_cast<index_t>(x.size())}; }

}  // namespace

TEST_CASE("keep_top: the best, ascending; of equal scores the lower index; not-a-numbers last") {
  CHECK(keep_top({1, 5, 3, 4}, 0, 2) == Ints{1, 3});
  CHECK(keep_top({2, 2, 2, 2, 2}, 0, 3) == Ints{0, 1, 2});
  CHECK(keep_top({1, 2, 1, 2, 1}, 0, 3) == Ints{0, 1, 3});
  CHECK(keep_top({0.f, -0.f, 0.f}, 0, 2) == Ints{0, 1});
  CHECK(keep_top({std::nanf(""), -1, std::nanf(""), -2}, 0, 3) == Ints{0, 1, 3});
  CHECK(keep_top({1, 5, 3, 4}, 1, 2) == Ints{0, 1});
  CHECK(keep_top({1, 5, 3, 4}, 0, 2, 10) == Ints{11, 13});
  CHECK(keep_top({1, 5}, 0, 0).empty());
  CHECK(keep_top({}, 0, 0).empty());
  CHECK(small::error_of<ShapeError>([] {
          keep_top({1, 2}, 0, 3);
        }) == "keep_top: 3 of scores [1, 2], 0 of them always; wanted one row and always <= kept <= scores");
}

TEST_CASE("renumber: ranks, equal numbers in their order") {
  CHECK(renumber({30, 10, 20}) == Ints{2, 0, 1});
  CHECK(renumber({7, 7, 3, 7}) == Ints{1, 2, 0, 3});
  CHECK(renumber({}).empty());
}

TEST_CASE("split_rest: every step-th of the rows that are not kept, the others merged") {
  Ints kept{0, 3, 4}, targets(2), merged(5);
  ranking::split_rest(span(kept), span(targets), span(merged));
  CHECK(targets == Ints{1, 6});  // rest is 1 2 5 6 7 8 9, step 3
  CHECK(merged == Ints{2, 5, 7, 8, 9});
  Ints all(7), none;
  ranking::split_rest(span(kept), span(all), span(none));
  CHECK(all == Ints{1, 2, 5, 6, 7, 8, 9});
}

TEST_CASE(
    "nearest: the largest cosine whatever the lengths; of equal ones the first target; zeros are "
    "right-angled to all") {
  const float metric[] = {1, 0, 5, 5, 0, 2, 100, 90, 0, 0, -1, 0};
  Ints targets{0, 1, 2}, merged{3, 4, 5}, to(3);
  ranking::nearest({metric, 6, 2}, span(targets), span(merged), span(to));
  CHECK(to == Ints{1, 0, 2});
  Ints same{1, 1};
  ranking::nearest({metric, 6, 2}, span(same), span(merged), span(to));
  CHECK(to == Ints{0, 0, 0});
}

TEST_CASE("add_group_means: the target plus the mean of what joined it") {
  const float x[] = {1, 10, 2, 20, 4, 40, 8, 80};
  float y[4];
  Ints targets{0, 3}, merged{1, 2}, to{0, 0};
  ranking::add_group_means({x, 4, 2}, span(targets), span(merged), span(to), {y, 2, 2});
  CHECK(std::vector<float>(y, y + 4) == std::vector<float>{4, 40, 8, 80});
}
