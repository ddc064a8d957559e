#include "proxyv/look/mir.hpp"

#include "backend/small.hpp"
#include "look/look_support.hpp"
#include "look/mir_golden.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using look::layer_mir;
using look_test::matrix;
using small::Matrix;

TEST_CASE("layer_mir: as float64 NumPy has it, an outlier among the vision states") {
  const auto vision = matrix<float>(4, mir_golden::vision), text = matrix<float>(4, mir_golden::text);
  CHECK(layer_mir(vision.view(), text.view()) == Approx(mir_golden::layer_mir).epsilon(1e-9));
}

TEST_CASE("layer_mir: the scale of all states together does not matter, that of one modality does") {
  const Matrix vision = small::noise(20, 6, 1), text = small::noise(10, 6, 2);
  Matrix large_vision = vision, large_text = text;
  for (float& v : large_vision.values) v *= 8.f;
  for (float& v : large_text.values) v *= 8.f;
  const double as_is = layer_mir(vision, text);
  CHECK(layer_mir(large_vision, large_text) == Approx(as_is).epsilon(1e-9));
  CHECK(layer_mir(large_vision, text) > 10.0 * as_is);
}

TEST_CASE("layer_mir: the same states have none") {
  const Matrix x = small::noise(20, 6, 1);
  CHECK(layer_mir(x, x) == Approx(0.0).margin(1e-10));
}

TEST_CASE("modality_integration_rate: the logarithm of the layers' sum") {
  CHECK(look::modality_integration_rate({60.0, 40.0}) == Approx(2.0));
  CHECK_THROWS_AS(look::modality_integration_rate({}), ArgumentError);
  CHECK_THROWS_AS(look::modality_integration_rate({1.0, -1.0}), ArgumentError);
}

TEST_CASE("layer_mir: too few states, or none to measure by, are refused") {
  const Matrix one = small::noise(1, 6, 1), some = small::noise(5, 6, 1), zero(5, 6);
  CHECK(small::error_of<ShapeError>([&] { layer_mir(some, one); }) ==
        "layer_mir: 5 vision and 1 text states, wanted at least two of each");
  CHECK_THROWS_AS(layer_mir(some, zero), ArgumentError);
  CHECK_THROWS_AS(layer_mir(some, small::noise(5, 7, 1)), ShapeError);
}
