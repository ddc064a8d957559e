#include "proxyv/cuda/range.hpp"

#include <type_traits>

#include "support/catch.hpp"

TEST_CASE("range: a scope, not a value") {
  using proxyv::cuda::Range;
  static_assert(!std::is_copy_constructible_v<Range> && !std::is_copy_assignable_v<Range>);
  const Range outer("outer"), inner("inner");
}
