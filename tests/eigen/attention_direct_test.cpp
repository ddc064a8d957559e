#include "proxyv/eigen/attention_direct.hpp"

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
