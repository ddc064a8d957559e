#include "proxyv/backend/plan.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {
using R = ReferenceBackend;
using Plan = PlanBackend<R>;

View<float> shape(index_t rows, index_t cols) { return {nullptr, rows, cols}; }
Weight<> weight(index_t rows, index_t cols, DType type = DType::bf16) { return {nullptr, type, rows, cols}; }

template <class F>
Cost cost(F&& f) {
  Plan plan;
  f(plan);
  return plan.cost();
}
}  // namespace

TEST_CASE("plan: matrix products count two per multiply-add, weights by their own type") {
  const Cost gemm = cost([](Plan& p) { p.gemm(shape(3, 10), weight(7, 10), shape(3, 7), {}); });
  CHECK(gemm.linear_flops == 2.0 * 3 * 10 * 7);
  CHECK(gemm.flops() == 420.0);
  CHECK(gemm.bytes == 4 * (30 + 21) + 2 * 70);
  CHECK(gemm.ops == 1);
  const Cost added = cost([](Plan& p) { p.gemm(shape(3, 10), weight(7, 10, DType::f32), shape(3, 7), {.beta = 1.f}); });
  CHECK(added.bytes == 4 * (30 + 42) + 4 * 70);
  const Cost product = cost([](Plan& p) { p.product(shape(3, 10), shape(10, 7), shape(3, 7), 0.f); });
  CHECK(product.linear_flops == 420.0);
  CHECK(product.bytes == 4 * (30 + 70 + 21));
  const Cost gated = cost([](Plan& p) { p.swiglu(shape(3, 10), weight(7, 10), weight(7, 10), shape(3, 7)); });
  CHECK(gated.linear_flops == 840.0);
}

TEST_CASE("plan: attention counts dense, masked pairs too") {
  const Cost c = cost([](Plan& p) {
    AttentionArgsOf<R> args(Heads{4, 2, 8});
    args.add({.keys = shape(6, 16), .values = shape(6, 16)});
    args.add({.keys = shape(5, 16), .values = shape(5, 16)});
    p.attention(shape(3, 32), shape(3, 32), args);
  });
  CHECK(c.attention_flops == 4.0 * 3 * 11 * 32);
  CHECK(c.linear_flops == 0.0);
  CHECK(c.bytes == 4 * (96 + 96 + 2 * 11 * 16));
}

TEST_CASE("plan: everything else is not the number the paper reports") {
  const Cost c = cost([](Plan& p) {
    p.rms_norm(shape(3, 10), {nullptr, 10}, shape(3, 10), 0.f);
    p.layer_norm(shape(3, 10), {nullptr, 10}, {nullptr, 10}, shape(3, 10), 0.f);
    p.rotary_table({nullptr, 3}, Rotary{10}, shape(3, 10));
    p.rotate(shape(3, 20), shape(3, 10));
    p.bilinear_pool(shape(16, 10), shape(1, 10), Grid{1, 4, 4});
    p.upsample(shape(1, 10), shape(16, 10), Grid{1, 4, 4});
    p.softmax_rows(shape(3, 10), shape(3, 10), 1.f, {}, EmptyRow::zero);
    p.embed(weight(100, 10), {nullptr, 3}, shape(3, 10));
    p.gather(shape(16, 10), {nullptr, 3}, shape(3, 10));
    p.copy(shape(3, 10), shape(3, 10));
  });
  CHECK(c.flops() == 0.0);
  CHECK(c.other_flops > 0.0);
  CHECK(c.bytes > 0.0);
  CHECK(c.ops == 9);
}

TEST_CASE("plan: workspace is the peak of nested frames, sampling's scratch included") {
  Plan plan;
  {
    auto outer = plan.frame();
    CHECK(outer.matrix(10, 64).data() == nullptr);
    { plan.frame().matrix(10, 128); }
    { plan.frame().matrix(10, 64); }
  }
  CHECK(plan.cost().workspace == 10 * 64 * 4 + 10 * 128 * 4);
  const Cost c = cost([](Plan& p) { p.sample(shape(1, 1000), {}, 0, {nullptr, 1}); });
  CHECK(c.workspace == 2 * 4096);
}

TEST_CASE("plan: refuses what an engine would refuse") {
  Plan plan;
  CHECK(error_of<ShapeError>([&] { plan.gemm(shape(3, 10), weight(7, 9), shape(3, 7), {}); }) ==
        "gemm: x [3, 10], w [7, 9] -> y [3, 7], wanted [m, k], [n, k] -> [m, n]");
  CHECK_THROWS_AS(plan.upsample(shape(1, 10), shape(15, 10), Grid{1, 4, 4}), ShapeError);
  CHECK(plan.cost().ops == 0);
}

TEST_CASE("plan: buffers have a size and no memory") {
  Plan plan;
  auto buffer = plan.alloc<float>(index_t{1} << 40);
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.size() == index_t{1} << 40);
}

TEST_CASE("plan: require_workspace says needed and available before any work") {
  R be({.workspace_bytes = 1000});
  const auto needs = [](index_t floats) {
    return [floats](auto& engine) { engine.frame().matrix(1, floats); };
  };
  CHECK_NOTHROW(require_workspace<R>(be, "here", needs(192)));
  try {
    require_workspace<R>(be, "here", needs(1000));
    FAIL("nothing was thrown");
  } catch (const WorkspaceError& e) {
    CHECK(e.needed == 4096);
    CHECK(e.available == be.workspace_available());
    CHECK(std::string(e.what()).find("here: workspace too small: needed 4096 bytes, available ") == 0);
  }
  CHECK(be.workspace_peak() == 0);
}
