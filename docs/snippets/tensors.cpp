// The snippets of docs/tensors.md. Returns 0 when everything is as the page says.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using pv::index_t;

bool views() {
  // Your memory. The library only looks through it.
  std::vector<float> mine(6 * 8, 0.f);
  pv::View<float> x(mine.data(), 6, 8);              // 6 rows of 8
  pv::View<float> left(mine.data(), 6, 3, 8);        // the first 3 columns: the row stride stays 8
  pv::View<float> same = x.col_range(0, 3);          // the same window
  pv::View<float> middle = x.row_range(2, 2);        // rows 2 and 3
  pv::View<const float> reading = x;                 // mutable becomes const by itself, never back
  middle(0, 1) = 5.f;                                // row 2 of x, column 1
  return left(2, 1) == 5.f && same(2, 1) == 5.f && reading(2, 1) == 5.f && !left.contiguous();
}

bool static_sizes() {
  std::array<float, 12> mine{};
  // A size may be part of the type; then it takes no room and a wrong one is refused.
  pv::View<float, pv::HostSpace, pv::dyn, 4> rows_of_four(mine.data(), 3, 4);
  pv::View<float> any = rows_of_four;  // forgetting is free
  try {
    pv::View<float, pv::HostSpace, pv::dyn, 5> wrong(any);  // remembering is explicit, and checked
    return false;
  } catch (const pv::ShapeError&) {
    return true;
  }
}

bool weights() {
  // A weight is [out, in], its element type is known at run time, and it needs no alignment.
  const std::vector<float> f32(3 * 4, 0.5f);
  std::vector<pv::bf16> half;
  for (const float v : f32) half.push_back(pv::to_bf16(v));
  const pv::Weight<> a(pv::View<const float>(f32.data(), 3, 4));
  const pv::Weight<> b(half.data(), pv::DType::bf16, 3, 4);
  return a.bytes() == 48 && b.bytes() == 24;
}

bool buffers() {
  pv::ReferenceBackend be({});
  // The only owner of memory. Move-only; released by the function that came with it.
  pv::Buffer<float> owned = be.alloc<float>(3 * 4);
  pv::View<float> x = owned.matrix(3, 4);
  for (index_t i = 0; i < x.rows(); ++i)
    for (index_t j = 0; j < x.cols(); ++j) x(i, j) = 1.f;
  return owned.span().size() == 12 && x(2, 3) == 1.f;
}

bool element_types() {
  const pv::bf16 b = pv::to_bf16(1.01f);  // nearest even, 8 bits of precision
  const pv::f16 h = pv::to_f16(1.01f);    // nearest even, 11 bits
  return pv::to_float(b) == 1.0078125f && pv::to_float(h) == 1.009765625f;
}

bool errors() {
  pv::ReferenceBackend be({});
  std::vector<float> x(2 * 4), w(3 * 5), y(2 * 3);
  try {
    be.gemm({x.data(), 2, 4}, pv::Weight<>(pv::View<const float>(w.data(), 3, 5)), {y.data(), 2, 3}, {});
  } catch (const pv::ShapeError& e) {
    return std::string(e.what()) == "gemm: x [2, 4], w [3, 5] -> y [2, 3], wanted [m, k], [n, k] -> [m, n]";
  }
  return false;
}

bool aliasing() {
  pv::ReferenceBackend be({});
  std::vector<float> x(4 * 4, 2.f), gain(4, 1.f);
  pv::View<float> v(x.data(), 4, 4);
  be.rms_norm(v, {gain.data(), 4}, v, 1e-5f);  // per row: the result may be the input
  try {
    be.product(v, v, v, 0.f);  // a product may not write into what it reads
  } catch (const pv::ArgumentError& e) {
    return std::string(e.what()) == "product: the output overlaps x";
  }
  return false;
}

int main() {
  const bool all[] = {views(), static_sizes(), weights(), buffers(), element_types(), errors(), aliasing()};
  int wrong = 0;
  for (const bool ok : all) wrong += ok ? 0 : 1;
  std::printf("%d of %zu as the page says\n", static_cast<int>(std::size(all)) - wrong, std::size(all));
  return wrong;
}
