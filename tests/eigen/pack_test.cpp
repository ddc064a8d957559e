#include "proxyv/eigen/pack.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;
using detail::panel_cols;

TEST_CASE("pack: rows become columns of a run, the next panel survives") {
  for (int rows = 1; rows <= detail::tile_rows; ++rows) {
    for (index_t depth : {0, 1, 5, 16, 31, 70}) {
      const Block x(rows, depth, 5);
      std::vector<float> out(static_cast<std::size_t>(rows * depth + 64), 9.f);
      detail::pack_rows(x.in().data(), x.stride, rows, depth, out.data());
      bool same = true;
      for (index_t k = 0; k < depth; ++k)
        for (index_t i = 0; i < rows; ++i)
          same = same && out[static_cast<std::size_t>(k * rows + i)] == x.in()(i, k);
      CHECK(same);
      for (std::size_t i = out.size() - 32; i < out.size(); ++i) CHECK(out[i] == 9.f);
    }
  }
}

TEST_CASE("pack: panels of every element type, at odd addresses, missing columns 0") {
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (index_t cols : {index_t{1}, index_t{7}, index_t{panel_cols - 1}, index_t{panel_cols}}) {
      const index_t depth = 75, k0 = 3, taken = 69;
      const RawWeight w(cols + 2, depth, type, 8);
      const auto operand = detail::Operand::weight(w.weight);
      std::vector<float> out(static_cast<std::size_t>(panel_cols * taken));
      detail::pack_panel(operand, 2, cols, k0, taken, out.data());
      bool same = true;
      for (index_t k = 0; k < taken; ++k) {
        for (index_t j = 0; j < panel_cols; ++j) {
          const auto* at = static_cast<const std::byte*>(w.weight.data()) +
                           ((j + 2) * depth + k0 + k) * static_cast<index_t>(dtype_size(type));
          const float wanted =
              j < cols ? with_dtype(type, [&]<class T>(T) { return detail::element_at<T>(at); }) : 0.f;
          same = same && out[static_cast<std::size_t>(k * panel_cols + j)] == wanted;
        }
      }
      CHECK(same);
    }
  }
}

TEST_CASE("pack: plain panels") {
  const Block z(9, panel_cols + 5, 3);
  for (index_t cols : {index_t{1}, index_t{panel_cols - 1}, index_t{panel_cols}}) {
    std::vector<float> out(static_cast<std::size_t>(panel_cols * 4));
    detail::pack_panel(detail::Operand::plain(z.in().data(), z.stride), 5, cols, 2, 4, out.data());
    for (index_t k = 0; k < 4; ++k)
      for (index_t j = 0; j < panel_cols; ++j)
        CHECK(out[static_cast<std::size_t>(k * panel_cols + j)] == (j < cols ? z.in()(2 + k, 5 + j) : 0.f));
  }
}
