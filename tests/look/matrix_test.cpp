#include "proxyv/look/matrix.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("look::Matrix: zero at first, row-major, viewed as it lies") {
  look::Matrix<float> m(2, 3);
  CHECK(small::values(m.view()) == std::vector<float>(6, 0.f));
  m(1, 2) = 5.f;
  CHECK(m.row(1)[2] == 5.f);
  CHECK(m.view()(1, 2) == 5.f);
  CHECK_FALSE(m.empty());
  CHECK(look::Matrix<float>().empty());
}

TEST_CASE("look::Matrix: sizes that cannot be are refused") {
  CHECK_THROWS_AS(look::Matrix<float>(-1, 2), ShapeError);
  CHECK_THROWS_AS(look::Matrix<double>(index_t{1} << 40, index_t{1} << 40), ShapeError);
}
