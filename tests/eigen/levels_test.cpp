#include "proxyv/eigen/levels.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

constexpr CpuLevel every_level[] = {CpuLevel::portable, CpuLevel::avx2, CpuLevel::avx512,
                                    CpuLevel::avx512bf16};

}  // namespace

TEST_CASE("levels: each contains those before it, and the first is always there") {
  CHECK(cpu_has(CpuLevel::portable));
  for (std::size_t i = 1; i < std::size(every_level); ++i)
    CHECK((!cpu_has(every_level[i]) || i == 1 || cpu_has(every_level[i - 1])));
}

TEST_CASE("levels: a level's table is its own, and one that is not there is refused by name") {
  const detail::CpuKernels* before = nullptr;
  for (CpuLevel level : every_level) {
    if (!cpu_has(level)) {
      CHECK_THROWS_WITH(detail::Ops::kernels(level),
                        "engine: this CPU or this program lacks " + std::string(cpu_level_name(level)));
      continue;
    }
    const detail::CpuKernels& k = detail::Ops::kernels(level);
    INFO(cpu_level_name(level));
    CHECK(&k != before);
    CHECK(k.panel_cols % k.lanes == 0);
    CHECK(k.panel_cols <= detail::most_panel_cols);
    CHECK((k.tile_pairs != nullptr) == (level == CpuLevel::avx512bf16));
    before = &k;
  }
  CHECK_THROWS_WITH(detail::Ops::kernels(static_cast<CpuLevel>(9)),
                    "engine: this CPU or this program lacks a level that is none");
}
