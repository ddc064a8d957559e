#include "proxyv/vision/projector.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

namespace {

struct Names {
  std::string seen;
  void matrix(const std::string& name, WeightOf<R>&, index_t rows, index_t cols) { seen += name + " " + shape_text(rows, cols).text() + "\n"; }
  void vector(const std::string& name, Vec<R>&, index_t n) { seen += name + " " + std::to_string(n) + "\n"; }
};

}  // namespace

TEST_CASE("projector: linear, GELU by erf, linear") {
  R be({.workspace_bytes = 1024});
  const Matrix first(2, 1, {1, -2}), first_bias(1, 2, {0, 3}), second(2, 2, {10, 0, 1, 1}), second_bias(1, 2, {0, 5}), features(1, 1, {1});
  Matrix tokens(1, 2);
  const Projector<R> projector({first.weight(), first_bias.span(), second.weight(), second_bias.span()});
  projector(be, features, tokens);
  CHECK(tokens.values[0] == Approx(8.413447461));
  CHECK(tokens.values[1] == Approx(0.8413447461 * 2 + 5));  // gelu(1) twice: -2 + 3 = 1
}

TEST_CASE("projector: checkpoint names") {
  Names names;
  ProjectorWeights<R> w;
  for_each_tensor<R>(index_t{12}, index_t{16}, w, names);
  CHECK(names.seen ==
        "model.mm_projector.0.weight [16, 12]\nmodel.mm_projector.0.bias 16\n"
        "model.mm_projector.2.weight [16, 16]\nmodel.mm_projector.2.bias 16\n");
}

TEST_CASE("projector: cost, and shapes that do not fit") {
  const Matrix first = small::noise(4, 3, 1), bias(1, 4), second = small::noise(4, 4, 2);
  const Projector<R> projector({first.weight(), bias.span(), second.weight(), bias.span()});
  PlanBackend<R> plan;
  projector(plan, {nullptr, 100, 3}, {nullptr, 100, 4});
  CHECK(plan.cost().flops() == 2.0 * 100 * (3 * 4 + 4 * 4));
  R be({.workspace_bytes = 4096});
  Matrix tokens(2, 4, 9.f);
  CHECK(small::error_of<ShapeError>([&] { projector(be, Matrix(2, 5), tokens); }) ==
        "gemm: x [2, 5], w [4, 3] -> y [2, 4], wanted [m, k], [n, k] -> [m, n]");
  CHECK(tokens.values == std::vector<float>(8, 9.f));
}
