#include "proxyv/backend/concepts.hpp"

#include "proxyv/backend/host_storage.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

struct OnlyStorage : HostStorage {
  using HostStorage::HostStorage;
};

struct OnlyNorms : HostStorage {
  using HostStorage::HostStorage;
  void rms_norm(View<const float>, Span<const float>, View<float>, float) {}
  void layer_norm(View<const float>, Span<const float>, Span<const float>, View<float>, float) {}
};

/// One of the two norms is not enough.
struct HalfNorms : HostStorage {
  using HostStorage::HostStorage;
  void rms_norm(View<const float>, Span<const float>, View<float>, float) {}
};

struct OtherElement : ReferenceBackend {
  using element = bf16;
};

struct NoMemory {};

}  // namespace

TEST_CASE("concepts: the shipped engines offer everything") {
  STATIC_REQUIRE(Backend<ReferenceBackend>);
  STATIC_REQUIRE(Backend<PlanBackend<ReferenceBackend>>);
}

TEST_CASE("concepts: a part of an engine satisfies its part and no more") {
  STATIC_REQUIRE(Storage<OnlyStorage>);
  STATIC_REQUIRE_FALSE(NormOps<OnlyStorage>);
  STATIC_REQUIRE(NormOps<OnlyNorms>);
  STATIC_REQUIRE_FALSE(NormOps<HalfNorms>);
  STATIC_REQUIRE_FALSE(GemmOps<OnlyNorms>);
  STATIC_REQUIRE_FALSE(Backend<OnlyNorms>);
  STATIC_REQUIRE_FALSE(Storage<NoMemory>);
}

TEST_CASE("concepts: engines run each other's layers only with equal tensors") {
  STATIC_REQUIRE(SameTensorsAs<PlanBackend<ReferenceBackend>, ReferenceBackend>);
  STATIC_REQUIRE(SameTensorsAs<OnlyNorms, ReferenceBackend>);
  STATIC_REQUIRE_FALSE(SameTensorsAs<OtherElement, ReferenceBackend>);
}
