#include "proxyv/proxy/vision_update.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;
using R = ReferenceBackend;

namespace {

struct Weights {
  Matrix context, input, mix, out, gain;

  explicit Weights(index_t hidden = 6, index_t inner = 3)
      : context(small::noise(inner, hidden, 1)), input(small::noise(inner, hidden, 2)), mix(small::noise(inner, 2 * inner, 3)),
        out(small::noise(hidden, inner, 4)), gain(small::noise(1, hidden, 5)) {}

  template <class Update>
  Update make(float eps = 1e-5f) const {
    return Update({context.weight(), input.weight(), mix.weight(), out.weight(), gain.span()}, eps);
  }
};

template <class Update>
std::vector<float> updated(const Weights& w, const Matrix& proxies, const Matrix& splat, const Grid& grid, bool folded) {
  R be({.workspace_bytes = 1 << 16});
  auto update = w.make<Update>();
  update.fold(be);
  Matrix full = small::noise(grid.full_rows(), 6, 6);
  update(be, full, proxies, splat, grid, folded);
  return full.values;
}

}  // namespace

TEST_CASE("vision update: one token by hand") {
  R be({.workspace_bytes = 4096});
  Weights w(2, 1);
  w.input = Matrix(1, 2, {1, 0}), w.context = Matrix(1, 2, {0, 1}), w.mix = Matrix(1, 2, {1, 1});
  w.out = Matrix(2, 1, {1, 0}), w.gain = Matrix(1, 2, {1, 1});
  auto update = w.make<VisionUpdate<R, int>>(0.f);
  update.fold(be);
  for (const bool folded : {true, false}) {
    Matrix full(1, 2, {1, 2});
    update(be, full, Matrix(1, 2, {3, 4}), {}, Grid{1, 1, 1}, folded);  // + silu(1 + 4), then the norm
    CHECK(full.values[0] == Approx(1.3408868));
    CHECK(full.values[1] == Approx(0.4494691));
  }
}

TEST_CASE("vision update: the folded form equals the plain one") {
  const Grid grid{2, 4, 2};
  const Matrix proxies = small::noise(8, 6, 7);
  const auto plain = updated<VisionUpdate<R, int>>(Weights(), proxies, {}, grid, false);
  const auto folded = updated<VisionUpdate<R, int>>(Weights(), proxies, {}, grid, true);
  CHECK(small::deviation(folded, plain) < 1e-6);
  CHECK_FALSE(small::same_bits(folded, plain));  // two ways of computing, not one
}

TEST_CASE("vision update: with a splat too") {
  const Grid grid{2, 4, 2};
  const Matrix proxies = small::noise(6, 6, 7), splat = small::noise(32, 3, 8);
  const auto plain = updated<SplatUpdate<R, int>>(Weights(), proxies, splat, grid, false);
  const auto folded = updated<SplatUpdate<R, int>>(Weights(), proxies, splat, grid, true);
  CHECK(small::deviation(folded, plain) < 1e-6);
}

TEST_CASE("vision update: a splat that copies blocks is the spatial update") {
  const Grid grid{1, 4, 2};
  const Matrix proxies = small::noise(4, 6, 7);
  Matrix splat(16, 4);
  for (index_t i = 0; i < 16; ++i) splat.view()(i, i / 8 * 2 + i % 4 / 2) = 1.f;
  for (const bool folded : {true, false})
    CHECK(small::deviation(updated<SplatUpdate<R, int>>(Weights(), proxies, splat, grid, folded),
                           updated<VisionUpdate<R, int>>(Weights(), proxies, {}, grid, folded)) < 1e-6);
}

TEST_CASE("vision update: a token follows the proxy of its own block only") {
  const Grid grid{2, 4, 2};
  const Matrix proxies = small::noise(8, 6, 7);
  Matrix other = proxies;
  other.view()(5, 0) += 1.f;  // crop 1, block row 0, block column 1
  const auto a = updated<VisionUpdate<R, int>>(Weights(), proxies, {}, grid, true);
  const auto b = updated<VisionUpdate<R, int>>(Weights(), other, {}, grid, true);
  for (std::size_t token = 0; token < 32; ++token) {
    const bool own = token >= 16 && token % 16 / 8 == 0 && token % 4 >= 2;
    INFO("token " << token);
    CHECK(own != std::equal(a.begin() + static_cast<long>(token) * 6, a.begin() + static_cast<long>(token) * 6 + 6,
                            b.begin() + static_cast<long>(token) * 6));
  }
}

TEST_CASE("vision update: folding saves two inner x inner products per token and all the joining") {
  const Weights w(8, 2);
  R be({.workspace_bytes = 1 << 16});
  auto update = w.make<VisionUpdate<R, int>>();
  update.fold(be);
  const auto flops = [&](bool folded) {
    PlanBackend<R> plan;
    update(plan, {nullptr, 16, 8}, {nullptr, 4, 8}, {}, Grid{1, 4, 2}, folded);
    return plan.cost().flops();
  };
  CHECK(flops(true) == 2.0 * (16 * 2 * 8 * 2 + 4 * 8 * 2));
  CHECK(flops(false) - flops(true) == 2.0 * 16 * 2 * 2 * 2);
}

TEST_CASE("vision update: weights that do not fit, and folding forgotten") {
  Weights wrong;
  wrong.context = small::noise(2, 6, 9);
  CHECK(error_of<ShapeError>([&] { wrong.make<VisionUpdate<R, int>>(); }) ==
        "VisionUpdate: input [3, 6], context [2, 6], mix [3, 6], out [6, 3], wanted [i, h], [i, h], [i, 2i], [h, i]");
  R be({.workspace_bytes = 1 << 16});
  const Weights w;
  const auto update = w.make<VisionUpdate<R, int>>();
  Matrix full(16, 6, 2.f);
  CHECK(error_of<ArgumentError>([&] { update(be, full, Matrix(4, 6), {}, Grid{1, 4, 2}, true); }) ==
        "VisionUpdate: the folded form was asked for before fold()");
  CHECK(full.values == std::vector<float>(96, 2.f));
}
