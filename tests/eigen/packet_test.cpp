#include "proxyv/eigen/packet.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;
using detail::lanes;

TEST_CASE("packet: parts touch only what they are asked for") {
  std::vector<float> from(lanes, 7.f), to(lanes, -1.f);
  const index_t n = (lanes + 1) / 2;
  const auto v = lanes_of(detail::load_part(from.data(), n, 3.f));
  for (index_t i = 0; i < lanes; ++i) CHECK(v[static_cast<std::size_t>(i)] == (i < n ? 7.f : 3.f));
  detail::store_part(to.data(), detail::splat(2.f), n);
  for (index_t i = 0; i < lanes; ++i) CHECK(to[static_cast<std::size_t>(i)] == (i < n ? 2.f : -1.f));
}

TEST_CASE("packet: each_packet covers a row once, in order") {
  for (index_t n = 0; n < 3 * lanes; ++n) {
    index_t seen = 0;
    detail::each_packet(n, [&](index_t i, auto count) {
      CHECK(i == seen);
      CHECK(count <= lanes);
      seen += count;
    });
    CHECK(seen == n);
  }
}

TEST_CASE("packet: pairs of bf16 widen exactly") {
  std::vector<bf16> pairs;
  for (int i = 0; i < lanes; ++i) {
    pairs.push_back(to_bf16(static_cast<float>(i) + 0.5f));
    pairs.push_back(to_bf16(-static_cast<float>(i) - 1.f));
  }
  float words[lanes];
  std::memcpy(words, pairs.data(), sizeof words);
  const auto first = lanes_of(detail::widen_first(detail::load(words)));
  const auto second = lanes_of(detail::widen_second(detail::load(words)));
  for (int i = 0; i < lanes; ++i) {
    CHECK(first[static_cast<std::size_t>(i)] == static_cast<float>(i) + 0.5f);
    CHECK(second[static_cast<std::size_t>(i)] == -static_cast<float>(i) - 1.f);
  }
}
