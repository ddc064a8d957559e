#include "proxyv/eigen/avx512.hpp"

#include "eigen/level_support.hpp"

TEST_CASE("avx512: tiles and rows equal the judge's and the portable ones") {
  eigen_test::check_level(proxyv::CpuLevel::avx512);
}
