#include "proxyv/eigen/attention_weights.hpp"

#include "eigen/attention_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("attention weights: as the judge's, over all kinds of segments, on any number of threads") {
  for (const Heads& heads : {Heads{1, 1, 5}, Heads{6, 2, 16}, Heads{8, 8, 64}}) {
    for (const bool sorted : {true, false}) {
      Problem problem(3, 131, heads, sorted);
      problem.add(131, Visible::causal);
      problem.add(131, Visible::all);
      problem.add(131, Visible::table);
      small::Matrix wanted(3 * heads.query, problem.args.keys()), found = wanted, again = wanted;
      judge().attention_weights(problem.q.in(), problem.args, wanted);
      engine(1).attention_weights(problem.q.in(), problem.args, found);
      engine(3).attention_weights(problem.q.in(), problem.args, again);
      CHECK(small::deviation(found.values, wanted.values) < 2e-6);
      CHECK(small::same_bits(found.values, again.values));
    }
  }
}

TEST_CASE("attention weights: of a query that sees nothing are zero, and only live keys count") {
  Problem blind(1, 9, {2, 2, 4}, true);
  blind.query_positions[0] = -1;
  blind.add(9, Visible::causal);
  small::Matrix found(2, 9, 7.f);
  engine(1).attention_weights(blind.q.in(), blind.args, found);
  CHECK(found.values == std::vector<float>(18, 0.f));

  Problem some(1, 9, {2, 1, 4}, true);
  const std::int32_t live = 4;
  some.memory.push_back(std::make_unique<Block>(9, 4, 3));
  some.args.add({.keys = some.memory.back()->in(),
                 .values = some.memory.back()->in(),
                 .visible = Visible::all,
                 .live = {&live, 1}});
  small::Matrix wanted(2, 9);
  engine(1).attention_weights(some.q.in(), some.args, found);
  judge().attention_weights(some.q.in(), some.args, wanted);
  CHECK(small::deviation(found.values, wanted.values) < 1e-6);
  CHECK(found.view()(0, 4) == 0.f);
}
