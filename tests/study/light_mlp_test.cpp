#include "proxyv/study/light_mlp.hpp"

#include "study/light.hpp"
#include "support/catch.hpp"

using namespace studies;
using small::error_of;

TEST_CASE("light MLP: one token by hand") {
  R be({.workspace_bytes = 4096});
  const Matrix input(1, 2, {1, 0}), mix(1, 1, {2}), out(2, 1, {1, 0}), gain(1, 2, {1, 1});
  for (const bool normed : {false, true}) {
    LightMlp<R> light({input.weight(), mix.weight(), out.weight(), normed ? gain.span() : Vec<R>{}}, 0.f);
    light.fold(be);
    for (const bool folded : {true, false}) {
      Matrix x(1, 2, {1, 2});
      light(be, x, folded);  // 1 + silu(2)
      const double first = 1 + 2 / (1 + std::exp(-2.0)),
                   scale = normed ? std::sqrt((first * first + 4) / 2) : 1.0;
      CHECK(x.values[0] == Approx(first / scale));
      CHECK(x.values[1] == Approx(2 / scale));
    }
  }
}

TEST_CASE("light MLP: the folded form equals the plain one and costs a product less") {
  Light weights;
  R be({.workspace_bytes = 1 << 14});
  LightMlp<R> light = weights.make();
  light.fold(be);
  Matrix plain = small::noise(7, hidden, 5), folded = plain;
  light(be, plain, false);
  light(be, folded, true);
  CHECK(small::deviation(folded.values, plain.values) < 1e-6);
  PlanBackend<R> less, more;
  light(less, folded, true);
  light(more, folded, false);
  CHECK(more.cost().flops() - less.cost().flops() == 2.0 * 7 * 3 * 3);
}

TEST_CASE("light MLP: what does not fit is refused") {
  R be({.workspace_bytes = 1 << 14});
  Light weights;
  Matrix x(2, hidden);
  CHECK(error_of<ArgumentError>([&] { weights.make()(be, x, true); }) ==
        "LightMlp: the folded form was asked for before fold()");
  weights.mix = Matrix(2, 3);
  CHECK(error_of<ShapeError>([&] { weights.make(); }) ==
        "LightMlp: input [3, 8], mix [2, 3], out [8, 3], wanted [i, h], [i, i], [h, i]");
}
