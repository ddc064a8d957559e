#include "proxyv/layers/ffn.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::Matrix;
using R = ReferenceBackend;

TEST_CASE("ffn: adds down(silu(gate) * up) to what is there") {
  R be({.workspace_bytes = 1024});
  const Matrix gate(2, 1, {2, 0}), up(2, 1, {3, 5}), down(1, 2, {10, 1000}), x(2, 1, {1, -1});
  Matrix y(2, 1, {100, 200});
  Ffn<R>(gate.weight(), up.weight(), down.weight()).add_to(be, x, y);
  CHECK(y.values[0] == Approx(100 + 52.847824));  // silu(2) * 3 * 10; silu(0) * 5 = 0
  CHECK(y.values[1] == Approx(200 + 7.152175));   // silu(-2) * -3 * 10
  CHECK(be.workspace_peak() == 256);
}

TEST_CASE("ffn: rows in blocks give what rows alone give, with bounded scratch") {
  constexpr index_t rows = Ffn<R>::block_rows + 3;
  const Matrix gate = small::noise(3, 2, 1), up = small::noise(3, 2, 2), down = small::noise(2, 3, 3), x = small::noise(rows, 2, 4);
  const Ffn<R> ffn(gate.weight(), up.weight(), down.weight());
  R be({.workspace_bytes = static_cast<std::size_t>(Ffn<R>::block_rows) * 3 * sizeof(float)});
  Matrix all(rows, 2, 1.f), single(rows, 2, 1.f);
  ffn.add_to(be, x, all);
  for (index_t i = 0; i < rows; ++i) ffn.add_to(be, x.view().row_range(i, 1), single.view().row_range(i, 1));
  CHECK(small::same_bits(all.values, single.values));
  CHECK(all.values != std::vector<float>(static_cast<std::size_t>(rows) * 2, 1.f));
}

TEST_CASE("ffn: costs three matrices per row") {
  PlanBackend<R> plan;
  const Matrix gate(8, 4), down(4, 8);
  Ffn<R>(gate.weight(), gate.weight(), down.weight()).add_to(plan, {nullptr, 3000, 4}, {nullptr, 3000, 4});
  CHECK(plan.cost().flops() == 2.0 * 3000 * 3 * 4 * 8);
  CHECK(plan.cost().workspace == 1024 * 8 * 4);
}

TEST_CASE("ffn: nothing to do is fine") {
  R be{HostOptions{}};
  const Matrix gate(8, 4), down(4, 8);
  CHECK_NOTHROW(Ffn<R>(gate.weight(), gate.weight(), down.weight()).add_to(be, Matrix(0, 4), Matrix(0, 4)));
}
