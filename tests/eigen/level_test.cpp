#include "proxyv/eigen/level.hpp"

#include <cstdlib>
#include <string>

#include "eigen/eigen_support.hpp"
#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

/// PROXYV_CPU for the life of the object.
struct Asked {
  std::string before;
  bool was;
  explicit Asked(const char* value) : was(std::getenv("PROXYV_CPU") != nullptr) {
    if (was) before = std::getenv("PROXYV_CPU");
    ::setenv("PROXYV_CPU", value, 1);
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  ~Asked() {
    if (was) ::setenv("PROXYV_CPU", before.c_str(), 1);
    else ::unsetenv("PROXYV_CPU");
  }
};

constexpr CpuLevel every_level[] = {CpuLevel::portable, CpuLevel::avx2, CpuLevel::avx512,
                                    CpuLevel::avx512bf16};

}  // namespace

TEST_CASE("level: the engine passes the suite at every level of this CPU") {
  for (CpuLevel level : every_level) {
    if (!cpu_has(level)) continue;
    HostOptions options;
    options.threads = 2;
    options.workspace_bytes = 1 << 20;
    const auto report =
        testing::run_suite<EigenBackend>([&] { return EigenBackend(options, level); }, {7, 6});
    INFO(cpu_level_name(level) << "\n" << report.text());
    CHECK(report.ok());
  }
}

TEST_CASE("level: PROXYV_CPU chooses, and what it does not name is refused") {
  for (CpuLevel level : every_level) {
    if (!cpu_has(level)) continue;
    const Asked asked(cpu_level_name(level));
    CHECK(engine().level() == level);
  }
  const Asked asked("sse9");
  CHECK_THROWS_WITH(engine(),
                    ContainsSubstring("PROXYV_CPU: \"sse9\", wanted portable, avx2, avx512 or avx512bf16"));
}

TEST_CASE("level: left alone, the highest that the CPU has") {
  const Asked asked("");
  const CpuLevel level = default_cpu_level();
  CHECK(cpu_has(level));
  for (CpuLevel other : every_level) CHECK((other <= level || !cpu_has(other)));
}
