#include "proxyv/proxy/savings.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("savings: all on by default, none() is the plain form") {
  constexpr Savings all, none = Savings::none();
  CHECK((all.folded_update && all.split_attention && all.dead_rows));
  CHECK_FALSE((none.folded_update || none.split_attention || none.dead_rows));
}
