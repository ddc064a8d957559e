#include "proxyv/eigen/visibility.hpp"

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
