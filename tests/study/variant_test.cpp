#include "proxyv/study/variant.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("study variant: nothing unless asked for; masked rows do not see themselves") {
  constexpr StudyVariant study;
  STATIC_REQUIRE(study.kind == Study::none);
  STATIC_REQUIRE_FALSE(study.keep_self);
  STATIC_REQUIRE(study.empty_row == EmptyRow::zero);
  STATIC_REQUIRE_FALSE((study.light_mlp || study.light_mlp_norm));
}
