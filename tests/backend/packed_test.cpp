#include "proxyv/backend/packed.hpp"

#include <limits>
#include <vector>

#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

/// The reference engine with panels of 3 rows that it only pretends to fill.
struct Packer : ReferenceBackend {
  using ReferenceBackend::ReferenceBackend;
  index_t panel_rows() const { return 3; }
  Weight<> pack_weight(Weight<> w, std::byte* to) {
    ++calls;
    return Weight<>::in_panels(to, w.type(), w.rows(), w.cols(), 3);
  }
  int calls = 0;
};
static_assert(PackOps<Packer> && !PackOps<ReferenceBackend>);

}  // namespace

TEST_CASE("packed: an engine without an order of its own takes the weight as it is") {
  ReferenceBackend be(HostOptions{});
  const std::vector<float> data(12);
  const Weight<> w(data.data(), DType::f32, 4, 3);
  const Weight<> same =
      packed_weight<ReferenceBackend>(be, w, [](Buffer<std::byte>) -> std::byte* { throw 1; });
  CHECK(same.data() == w.data());
  CHECK_FALSE(same.packed());
}

TEST_CASE("packed: memory for whole panels; nothing for what is empty or packed already") {
  Packer be(HostOptions{});
  std::vector<Buffer<std::byte>> kept;
  const auto keep = [&](Buffer<std::byte> buffer) { return kept.emplace_back(std::move(buffer)).data(); };
  const std::vector<float> data(12);
  const Weight<> packed = packed_weight<Packer>(be, Weight<>(data.data(), DType::f32, 4, 3), keep);
  CHECK(packed.panel() == 3);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].size() == packed.bytes());
  CHECK(packed_weight<Packer>(be, packed, keep).data() == packed.data());
  CHECK_FALSE(packed_weight<Packer>(be, Weight<>(nullptr, DType::f32, 0, 3), keep).packed());
  CHECK(be.calls == 1);
  CHECK_THROWS_AS(
      packed_weight<Packer>(be, Weight<>(data.data(), DType::f32, std::numeric_limits<index_t>::max() / 2, 3),
                            keep),
      ShapeError);
}

TEST_CASE("packed: the judge refuses it, the counting engine counts its bytes") {
  ReferenceBackend be(HostOptions{});
  const auto w = Weight<>::in_panels(nullptr, DType::bf16, 4, 3, 8);
  const View<float> x(nullptr, 2, 3), y(nullptr, 2, 4);
  CHECK_THROWS_WITH(be.gemm(x, w, y, {}),
                    "gemm: w [4, 3] is packed in panels of 8 rows, this engine reads rows");
  PlanBackend<ReferenceBackend> plan;
  plan.gemm(x, w, y, {});
  CHECK(plan.cost().bytes == 4 * (2 * 3 + 2 * 4) + 8 * 4 * 2);
}
