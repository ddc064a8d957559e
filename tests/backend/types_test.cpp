#include "proxyv/backend/types.hpp"

#include <type_traits>

#include "support/catch.hpp"

using namespace proxyv;

namespace {
struct FarSpace {};
struct HalfEngine {
  using element = bf16;
  using space = FarSpace;
};
}  // namespace

TEST_CASE("types: an engine's tensors carry its element and its memory space") {
  STATIC_REQUIRE(std::is_same_v<In<HalfEngine>, View<const bf16, FarSpace>>);
  STATIC_REQUIRE(std::is_same_v<Out<HalfEngine>, View<bf16, FarSpace>>);
  STATIC_REQUIRE(std::is_same_v<Vec<HalfEngine>, Span<const bf16, FarSpace>>);
  STATIC_REQUIRE(std::is_same_v<WeightOf<HalfEngine>, Weight<FarSpace>>);
  STATIC_REQUIRE(std::is_same_v<Ids<HalfEngine>, Span<const std::int32_t, FarSpace>>);
}

TEST_CASE("types: rotary tables are float whatever the element, and spaces do not mix") {
  STATIC_REQUIRE(std::is_same_v<Table<HalfEngine>, View<float, FarSpace>>);
  STATIC_REQUIRE(std::is_convertible_v<Out<HalfEngine>, In<HalfEngine>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<In<HalfEngine>, Out<HalfEngine>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<In<HalfEngine>, View<const bf16, HostSpace>>);
}
