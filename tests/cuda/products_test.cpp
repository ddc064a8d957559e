#include "proxyv/cuda/products.hpp"

#include "cuda/gpu.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using cuda::ProductOperands;
using cuda::Products;
using cuda::ProductShape;
using cuda::Rows;

namespace {

ProductShape shape_at(std::uintptr_t offset) {
  static_assert(sizeof(bf16) == 2);
  const auto at = [&](std::uintptr_t p) { return reinterpret_cast<bf16*>(p); };
  const ProductOperands<bf16> operands{at(4096), at(8192), at(16384 + offset), nullptr};
  return Products::shape(Rows<const bf16>{at(4096), 3, 8, 8}, 8, Rows<bf16>{at(16384 + offset), 3, 5, 6}, operands, false, true);
}

}  // namespace

TEST_CASE("products: a shape says what a plan depends on, alignment too") {
  const ProductShape s = shape_at(0);
  CHECK(s.m == 3);
  CHECK(s.n == 5);
  CHECK(s.k == 8);
  CHECK(s.type == DType::bf16);
  CHECK(s.beta);
  CHECK_FALSE(s.bias);
  CHECK(s.alignment == 16);
  CHECK(shape_at(2).alignment == 2);
  CHECK(shape_at(8).alignment == 8);
  CHECK(shape_at(32) == s);
  CHECK(ProductShape::Hash{}(shape_at(32)) == ProductShape::Hash{}(s));
  CHECK_FALSE(shape_at(8) == s);
}

TEST_CASE("products: cuBLASLt has plans for what it can, none for what it cannot") {
  NEEDS_GPU();
  Products products;
  ProductShape s{.m = 64, .n = 128, .k = 256, .x_stride = 256, .w_stride = 256, .y_stride = 128, .type = DType::bf16};
  CHECK(products.plan(s).path == cuda::ProductPlan::Path::blaslt);
  CHECK_FALSE(products.plan(s).measured);
  CHECK(products.plans().size() == 1);
  CHECK_FALSE(products.candidates(s, 4).empty());
  s.alignment = 2;
  CHECK(products.plan(s).path == cuda::ProductPlan::Path::none);
  s.alignment = 16;
  s.m = 0;
  CHECK(products.candidates(s, 4).empty());
}
