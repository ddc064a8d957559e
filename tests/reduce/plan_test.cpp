#include "proxyv/reduce/plan.hpp"

#include <cmath>

#include "backend/small.hpp"
#include "proxyv/model/presets.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {
const RuntimeConfig vicuna = RuntimeConfig::from(proxyv::presets::Vicuna7B{});
}

TEST_CASE("reduce plan: the presets save what the paper prints, within half a point") {
  for (const auto& row : reduce::presets::rows()) {
    const double saved = reduce::saved_percent(vicuna, row.setting);
    INFO(row.name << ": " << saved);
    if (row.printed_percent > 0.0) CHECK(std::abs(saved - row.printed_percent) < 0.5);
    else CHECK(std::abs(saved - 48.56) < 0.5);  // counted by the method's own specification
  }
}

TEST_CASE("reduce plan: the lean ranking costs little") {
  const RuntimeConfig pyramid = reduce::presets::pyramid_drop().on(vicuna);
  CHECK(pyramid.reduction.drops.keep[0].of(2880) == 1872);
  CHECK(pyramid.reduction.drops.keep[1].of(2880) == 1216);
  CHECK(pyramid.reduction.drops.keep[2].of(2880) == 790);
  CHECK(std::abs(reduce::saved_percent(vicuna, reduce::presets::pyramid_drop()) - (42.42 - 0.2)) < 0.15);
}

TEST_CASE("reduce plan: proposals keep to the budget, and the next milder one would not") {
  for (const auto& budget : {reduce::Budget::at_most_tokens(1000), reduce::Budget::save(50)}) {
    const auto proposals = reduce::plan(vicuna, budget);
    REQUIRE(proposals.size() == 3);
    for (const auto& p : proposals) {
      INFO(p.method << " " << p.tokens << " tokens, " << p.percent << " %");
      if (budget.tokens > 0.0) CHECK(p.tokens <= budget.tokens);
      CHECK(p.percent >= budget.percent);
      CHECK(std::abs(p.percent - reduce::saved_percent(vicuna, p.setting)) < 1e-9);
      if (budget.tokens > 0.0) CHECK(p.tokens > budget.tokens - 6.0);
      else CHECK(p.percent < budget.percent + 0.25);
    }
  }
  // FastV's first two layers see everything: 2 * 2880 / 32 tokens on average are its least.
  CHECK(reduce::plan(vicuna, reduce::Budget::at_most_tokens(100)).size() == 1);
}

TEST_CASE("reduce plan: budgets that mean nothing are refused") {
  for (const auto& budget : {reduce::Budget{}, reduce::Budget::save(100), reduce::Budget::at_most_tokens(-1),
                             reduce::Budget::save(NAN)})
    CHECK_THAT(small::error_of<ArgumentError>([&] { reduce::plan(vicuna, budget); }),
               ContainsSubstring("reduce::plan: at most"));
}
