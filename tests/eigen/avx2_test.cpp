#include "proxyv/eigen/avx2.hpp"

#include "eigen/level_support.hpp"

TEST_CASE("avx2: tiles and rows equal the judge's and the portable ones") {
  eigen_test::check_level(proxyv::CpuLevel::avx2);
}
