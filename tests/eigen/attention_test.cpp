#include "proxyv/eigen/attention.hpp"

#include "eigen/attention_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("attention: many queries, any head size and group, against the judge on one and more threads") {
  const Heads all[] = {{1, 1, 33}, {4, 2, 16}, {3, 1, 80}, {2, 2, 1}, {2, 1, 128}, {2, 2, 32}, {1, 1, 96}, {1, 1, 95}};
  for (const Heads& heads : all) {
    for (bool sorted : {true, false}) {
      Problem p(61, 131, heads, sorted);
      p.add(17, Visible::all);
      p.add(131, Visible::causal);
      p.add(131, Visible::table);
      const Block wanted = p.wanted(), one = p.found(1);
      INFO(heads.query << "/" << heads.kv << " heads of " << heads.dim << (sorted ? " sorted" : ""));
      CHECK(deviation(one.memory, wanted.memory) < 2e-6);
      CHECK(small::same_bits(p.found(3).memory, one.memory));
    }
  }
}

TEST_CASE("attention: several blocks of keys and of queries") {
  Problem p(401, 1100, {1, 1, 8}, true);
  p.add(1100, Visible::causal);
  const Block one = p.found(1);
  CHECK(deviation(one.memory, p.wanted().memory) < 2e-6);
  CHECK(small::same_bits(p.found(2).memory, one.memory));
}

TEST_CASE("attention: many heads share one key head") {
  Problem p(20, 9, {130, 1, 4}, true);
  p.add(9, Visible::causal);
  CHECK(deviation(p.found(2).memory, p.wanted().memory) < 2e-6);
}

TEST_CASE("attention: heads too large to pack") {
  Problem p(14, 6, {1, 1, 1030}, true);
  p.add(6, Visible::causal);
  CHECK(deviation(p.found(2).memory, p.wanted().memory) < 2e-6);
  Problem largest(14, 200, {1, 1, 1024}, true);
  largest.add(200, Visible::causal);
  CHECK(deviation(largest.found(1).memory, largest.wanted().memory) < 2e-6);
}

TEST_CASE("attention: queries that see nothing") {
  for (EmptyRow empty : {EmptyRow::zero, EmptyRow::uniform}) {
    Problem p(40, 30, {2, 1, 20}, true, empty);
    std::fill(p.query_positions.begin(), p.query_positions.begin() + 15, -1);
    p.add(30, Visible::causal);
    const Block found = p.found(1);
    CHECK(deviation(found.memory, p.wanted().memory) < 2e-6);
    if (empty == EmptyRow::zero) CHECK(found.in()(3, 7) == 0.f);
  }
}

TEST_CASE("attention: no keys at all") {
  Problem p(30, 5, {2, 2, 4}, true, EmptyRow::uniform);
  const Block found = p.found(1);
  for (index_t i = 0; i < 30; ++i)
    for (index_t j = 0; j < 8; ++j) CHECK(found.in()(i, j) == 0.f);
}

TEST_CASE("attention: what a query does not see may hold anything") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Problem p(50, 100, {2, 1, 16}, true);
  p.add(100, Visible::causal);
  for (index_t k = 60; k < 100; ++k) {
    for (index_t d = 0; d < 16; ++d) {
      p.memory[0]->view()(k, d) = nan;
      p.memory[1]->view()(k, d) = k % 2 == 0 ? nan : std::numeric_limits<float>::infinity();
    }
  }
  const Block found = p.found(1);
  bool clean = true, shown = true;
  for (index_t i = 0; i < 50; ++i)
    for (index_t j = 0; j < 32; ++j)
      (p.query_positions[static_cast<std::size_t>(i)] < 60 ? clean : shown) &=
          p.query_positions[static_cast<std::size_t>(i)] < 60 ? std::isfinite(found.in()(i, j))
                                                              : std::isnan(found.in()(i, j));
  CHECK(clean);
  CHECK(shown);
}
