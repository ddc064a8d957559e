#include "proxyv/eigen/portable.hpp"

#include "eigen/level_support.hpp"

TEST_CASE("portable: tiles and rows equal the judge's and the portable ones") {
  eigen_test::check_level(proxyv::CpuLevel::portable);
}
