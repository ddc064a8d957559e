#include "proxyv/eigen/visibility.hpp"

#include <algorithm>
#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();
const std::vector<std::int32_t> queries{3, 10, -1};
const std::vector<float> memory(8, 0.f);

detail::HostAttention causal(const std::vector<std::int32_t>& positions) {
  detail::HostAttention args(Heads{1, 1, 1}, {queries.data(), 3});
  const auto n = static_cast<index_t>(positions.size());
  args.add({{memory.data(), n, 1}, {memory.data(), n, 1}, Visible::causal, {positions.data(), n}, {}});
  return args;
}

std::vector<float> scores_after(const detail::KeyBlock& block, index_t query) {
  std::vector<float> scores{1, 2, 3, 4};
  block.hide(query, scores.data(), 4);
  return scores;
}

}  // namespace

TEST_CASE("visibility: ascending positions cut a block short") {
  const std::vector<std::int32_t> positions{0, 3, 3, 7};
  const auto args = causal(positions);
  const detail::KeyBlock block(args, args[0], 0, 4);
  CHECK(block.limit(0, 1) == 3);
  CHECK(block.limit(1, 1) == 4);
  CHECK(block.limit(2, 1) == 0);
  CHECK(block.limit(0, 3) == 4);
  CHECK(scores_after(block, 0) == std::vector<float>{1, 2, 3, hidden});
  CHECK(scores_after(block, 1) == std::vector<float>{1, 2, 3, 4});
  CHECK(scores_after(block, 2) == std::vector<float>(4, hidden));
}

TEST_CASE("visibility: positions that count up by one, jump or stand still") {
  for (const std::vector<std::int32_t>& positions : {std::vector<std::int32_t>{2, 3, 4, 5, 6, 7, 8, 9},
                                                     {0, 1, 2, 3, 3, 3, 4, 5},
                                                     {-1, 0, 1, 5, 6, 7, 12, 13}}) {
    const auto args = causal(positions);
    const detail::KeyBlock block(args, args[0], 0, 8);
    for (index_t query = 0; query < 3; ++query) {
      const auto seen = std::count_if(positions.begin(), positions.end(), [&](std::int32_t p) {
        return p <= queries[static_cast<std::size_t>(query)];
      });
      CHECK(block.limit(query, 1) == seen);
    }
  }
}

TEST_CASE("visibility: positions in any order are compared one by one") {
  const std::vector<std::int32_t> positions{7, 0, 12, 3};
  const auto args = causal(positions);
  const detail::KeyBlock block(args, args[0], 0, 4);
  CHECK(block.limit(0, 1) == 4);
  CHECK(block.limit(2, 1) == 0);
  CHECK(scores_after(block, 0) == std::vector<float>{hidden, 2, hidden, 4});
  CHECK(scores_after(block, 1) == std::vector<float>{1, 2, hidden, 4});
}

TEST_CASE("visibility: tables, read from the block's first key on") {
  const std::vector<std::uint8_t> table{1, 1, 0, 1, 0, 1};  // two queries over three keys
  detail::HostAttention args(Heads{1, 1, 1});
  args.add({{memory.data(), 3, 1}, {memory.data(), 3, 1}, Visible::table, {}, {table.data(), 2, 3}});
  const detail::KeyBlock block(args, args[0], 1, 2);
  std::vector<float> scores{1, std::numeric_limits<float>::quiet_NaN()};
  block.hide(0, scores.data(), 2);
  CHECK(scores == std::vector<float>{1, hidden});
}

TEST_CASE("visibility: blocks run through all segments") {
  detail::HostAttention args(Heads{1, 1, 1});
  for (index_t n : {5, 0, 2}) args.add({{memory.data(), n, 1}, {memory.data(), n, 1}, Visible::all, {}, {}});
  std::vector<index_t> sizes;
  detail::each_key_block(args, 3, [&](const detail::KeyBlock& b) { sizes.push_back(b.size()); });
  CHECK(sizes == std::vector<index_t>{3, 2, 2});
}

TEST_CASE("visibility: a range of blocks is those of all blocks") {
  std::vector<float> keys(20);
  detail::HostAttention args(Heads{1, 1, 1});
  for (index_t n : {7, 0, 20, 1}) args.add({{keys.data(), n, 1}, {keys.data(), n, 1}, Visible::all, {}, {}});
  std::vector<const float*> all;
  detail::each_key_block(args, 3, [&](const detail::KeyBlock& b) { all.push_back(b.keys()); });
  REQUIRE(detail::count_key_blocks(args, 3) == static_cast<index_t>(all.size()));
  for (index_t begin = 0; begin <= detail::count_key_blocks(args, 3); ++begin) {
    for (index_t end = begin; end <= detail::count_key_blocks(args, 3); ++end) {
      std::vector<const float*> some;
      detail::each_key_block(args, 3, detail::Range{begin, end},
                             [&](const detail::KeyBlock& b) { some.push_back(b.keys()); });
      CHECK(some == std::vector<const float*>(all.begin() + begin, all.begin() + end));
    }
  }
}

TEST_CASE(
    "visibility: what stands earlier than the rows before it does not keep a picture's rows from being "
    "skipped") {
  // 200 rows of a picture, its two newlines, its words: as a prompt is packed.
  std::vector<std::int32_t> positions(200 + 2 + 30);
  for (std::int32_t i = 0; i < 200; ++i) positions[static_cast<std::size_t>(i)] = 1 + i + i / 100;
  positions[200] = 101, positions[201] = 202, positions[202] = 0;
  for (std::int32_t i = 1; i < 30; ++i) positions[static_cast<std::size_t>(202 + i)] = 202 + i;
  std::vector<float> keys(positions.size());
  const auto n = static_cast<index_t>(positions.size());
  detail::HostAttention args(Heads{1, 1, 1}, small::span_of(positions));
  args.add({{keys.data(), n, 1}, {keys.data(), n, 1}, Visible::causal, small::span_of(positions), {}});

  std::vector<index_t> sizes, seen_by_first, seen_by_last;
  detail::each_sorted_block(args, 128, [&](const detail::KeyBlock& b) {
    sizes.push_back(b.size());
    seen_by_first.push_back(b.limit(0, 10));
    seen_by_last.push_back(b.limit(n - 1, 1));
  });
  CHECK(sizes == std::vector<index_t>{128, 72, 32});
  CHECK(seen_by_first == std::vector<index_t>{10, 0, 32});
  CHECK(seen_by_last == sizes);

  std::vector<index_t> falling;  // blocks of 64 at the least, whatever the order
  std::reverse(positions.begin(), positions.end());
  detail::each_sorted_block(args, 128, [&](const detail::KeyBlock& b) { falling.push_back(b.size()); });
  CHECK(falling == std::vector<index_t>{64, 64, 64, 40});
}
