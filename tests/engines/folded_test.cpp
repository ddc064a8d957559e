// Folded weights on the CPU engine: packed as the two they come from, rounded where the engine rounds.
#include "eigen/eigen_support.hpp"
#include "proxyv/layers/fold.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

/// x times a folded weight.
std::vector<float> times(EigenBackend& be, const FoldedWeight<EigenBackend>& folded) {
  const Block x(20, folded.weight().cols(), 3, 0);
  Block y(20, folded.weight().rows(), 4, 0);
  be.gemm(x.in(), folded.weight(), y.view(), {});
  return y.memory;
}

}  // namespace

TEST_CASE("folded weights are packed when both they come from are, and give the same") {
  auto be = engine(2);
  for (const DType type : {DType::f32, DType::bf16}) {
    const RawWeight first(70, 140, type, 1), second(70, 90, type, 2);
    const PackedWeight a(be, first.weight), b(be, second.weight);
    const auto rows = fold<EigenBackend>(be, first.weight, second.weight, 1),
               half = fold<EigenBackend>(be, a.weight, second.weight, 1),
               panels = fold<EigenBackend>(be, a.weight, b.weight, 1);
    CHECK_FALSE(rows.weight().packed());
    CHECK_FALSE(half.weight().packed());
    CHECK(panels.weight().packed());
    CHECK(panels.weight().type() == DType::f32);
    CHECK(panels.weight().rows() == 70);
    CHECK(panels.weight().cols() == 90);
    CHECK(small::same_bits(times(be, panels), times(be, rows)));
  }
}

TEST_CASE("folded weights are bf16 on an engine with bf16 products when both they come from are") {
  if (!cpu_has(CpuLevel::avx512bf16)) {
    WARN("this CPU or this build lacks avx512bf16: folding for its products was not tried");
    return;
  }
  HostOptions options;
  options.workspace_bytes = 1 << 20;
  auto exact = engine();
  EigenBackend rounds(options, CpuLevel::avx512bf16, Precision::bf16_products);
  const RawWeight first(70, 140, DType::bf16, 1), second(70, 90, DType::bf16, 2),
      floats(70, 90, DType::f32, 2);
  const auto wanted = fold<EigenBackend>(exact, first.weight, second.weight, 1);
  const PackedWeight a(rounds, first.weight), b(rounds, second.weight);
  const auto rows = fold<EigenBackend>(rounds, first.weight, second.weight, 1),
             panels = fold<EigenBackend>(rounds, a.weight, b.weight, 1);
  CHECK(rows.weight().type() == DType::bf16);
  CHECK(panels.weight().type() == DType::bf16);
  CHECK(panels.weight().packed());
  CHECK(fold<EigenBackend>(rounds, first.weight, floats.weight, 1).weight().type() == DType::f32);
  // Each element rounded to nearest: the exact one to within half of bf16's last place.
  const auto* element = static_cast<const bf16*>(rows.weight().data());
  const auto* was = static_cast<const float*>(wanted.weight().data());
  float worst = 0.f;
  for (index_t i = 0; i < 70 * 90; ++i)
    worst = std::max(worst, std::abs(to_float(element[i]) - was[i]) / std::abs(was[i]));
  CHECK(worst <= 0x1p-8f);
  CHECK(worst > 0.f);
  CHECK(small::deviation(times(exact, rows), times(exact, wanted)) < 8e-3);
  CHECK(small::same_bits(times(rounds, panels), times(rounds, rows)));
}
