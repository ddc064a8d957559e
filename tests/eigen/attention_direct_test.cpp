#include "proxyv/eigen/attention_direct.hpp"

#include <cmath>
#include <limits>

#include "eigen/attention_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("attention_direct: one query and a few, against the judge, same bits on any number of threads") {
  const Heads all[] = {{1, 1, 33}, {6, 2, 16}, {3, 3, 80}, {2, 1, 1}, {4, 2, 128}};
  for (const Heads& heads : all) {
    for (index_t queries : {1, 3}) {
      for (bool sorted : {true, false}) {
        Problem p(queries, 300, heads, sorted);
        std::fill(p.query_positions.begin(), p.query_positions.end(), 277);
        p.add(5, Visible::all);
        p.add(300, Visible::causal);
        p.add(300, Visible::table);
        const Block wanted = p.wanted(), one = p.found(1);
        CHECK(deviation(one.memory, wanted.memory) < 2e-6);
        CHECK(small::same_bits(p.found(3).memory, one.memory));
      }
    }
  }
}

TEST_CASE("attention_direct: unused places of a cache may hold NaN") {
  Problem p(1, 20, {2, 2, 8}, true);
  p.query_positions[0] = 9;
  p.add(20, Visible::causal);
  for (index_t k = 10; k < 20; ++k)
    for (index_t d = 0; d < 16; ++d)
      p.memory[0]->view()(k, d) = p.memory[1]->view()(k, d) = std::numeric_limits<float>::quiet_NaN();
  CHECK(deviation(p.found(1).memory, p.wanted().memory) < 2e-6);
}

TEST_CASE(
    "attention_direct: long contexts are cut into units, short ones are not; the judge sees no difference") {
  for (index_t keys : {1, 63, 64, 65, 127, 129, 1000, 3000}) {
    for (const Heads& heads : {Heads{2, 2, 16}, Heads{8, 2, 33}}) {
      Problem p(1, keys, heads, true);
      p.query_positions[0] = static_cast<std::int32_t>(keys - keys / 3);
      p.add(keys, Visible::causal);
      p.add(keys / 2, Visible::all);
      const Block wanted = p.wanted(), one = p.found(1);
      INFO(keys << " keys");
      CHECK(deviation(one.memory, wanted.memory) < 2e-6);
      for (int threads : {2, 5}) CHECK(small::same_bits(p.found(threads).memory, one.memory));
    }
  }
}

TEST_CASE("attention_direct: heads whose sums fill the scratch, and more heads than it holds") {
  Problem large(1, 300, {2, 1, 140000}, true);
  large.query_positions[0] = 300;
  large.add(300, Visible::all);
  CHECK(deviation(large.found(2).memory, large.wanted().memory) < 1e-5);

  Problem many(1, 2, {3000, 3000, 1}, true);
  many.add(2, Visible::all);
  CHECK_THROWS_WITH(many.found(1),
                    "attention: 3000 query heads, at most 2560 for few queries or heads as large as these");
}

TEST_CASE("attention_direct: a query that sees nothing in some units, or anywhere") {
  for (EmptyRow empty : {EmptyRow::zero, EmptyRow::uniform}) {
    Problem p(2, 400, {2, 1, 16}, true, empty);
    p.query_positions = {-1, 130};
    p.add(400, Visible::causal);
    CHECK(deviation(p.found(2).memory, p.wanted().memory) < 2e-6);
  }
}

TEST_CASE("attention_direct: scores that are not numbers show") {
  Problem p(1, 400, {1, 1, 8}, true);
  p.query_positions[0] = 399;
  p.add(400, Visible::causal);
  p.memory[0]->view()(200, 3) = std::numeric_limits<float>::quiet_NaN();
  const Block found = p.found(1);
  for (index_t d = 0; d < 8; ++d) CHECK(std::isnan(found.in()(0, d)));
}

TEST_CASE("attention_direct: no queries, no keys") {
  Problem none(1, 3, {2, 1, 4}, true);
  none.add(3, Visible::all);
  engine(2).attention(none.q.in().row_range(0, 0), none.q.view().row_range(0, 0), none.args);

  Problem blind(1, 3, {2, 1, 4}, true);
  blind.add(0, Visible::all);
  for (const float v : {blind.found(1).in()(0, 0), blind.found(1).in()(0, 7)}) CHECK(v == 0.f);
}
