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

TEST_CASE("pack: a packed weight holds every element where packed_at says, and 0 elsewhere") {
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (index_t rows : {index_t{1}, index_t{panel_cols - 1}, index_t{2 * panel_cols + 3}}) {
      for (index_t cols : {1, 7, 64, 75}) {
        auto be = engine(2);
        const RawWeight w(rows, cols, type, 4);
        const PackedWeight packed(be, w.weight);
        const index_t panel = packed.weight.panel(), stored = packed.weight.stored_cols();
        const auto size = static_cast<index_t>(dtype_size(type));
        REQUIRE(packed.memory.size() == packed.weight.bytes());
        bool same = true;
        for (index_t i = 0; i < (rows + panel - 1) / panel * panel; ++i)
          for (index_t k = 0; k < stored; ++k) {
            const std::byte* at =
                packed.memory.data() +
                (i / panel * panel * stored + detail::packed_at(type, panel, i % panel, k)) * size;
            const std::byte zero[4] = {};
            const bool inside = i < rows && k < cols;
            const std::byte* wanted =
                inside ? static_cast<const std::byte*>(w.weight.data()) + (i * cols + k) * size : zero;
            same = same && std::memcmp(at, wanted, static_cast<std::size_t>(size)) == 0;
          }
        INFO(rows << "x" << cols << " " << dtype_name(type));
        CHECK(same);
      }
    }
  }
}

TEST_CASE("pack: packed 16-bit panels widen to what rows give") {
  for (DType type : {DType::f16, DType::bf16}) {
    const index_t depth = 70;
    const RawWeight w(panel_cols, depth, type, 5);
    std::vector<float> wanted(static_cast<std::size_t>(panel_cols * depth)),
        found(wanted.size() + panel_cols);
    detail::pack_panel(detail::Operand::weight(w.weight), 0, panel_cols, 0, depth, wanted.data());
    std::vector<std::byte> memory(static_cast<std::size_t>(panel_cols * depth * 2));
    detail::pack_weight_panel(detail::Operand::weight(w.weight), 0, panel_cols, 0, depth, memory.data());
    const auto packed = Weight<>::in_panels(memory.data(), type, panel_cols, depth, panel_cols);
    for (index_t from : {0, 2, 34}) {
      detail::pack_panel(detail::Operand::weight(packed), 0, panel_cols, from, depth - from, found.data());
      CHECK(std::memcmp(found.data(), wanted.data() + from * panel_cols,
                        static_cast<std::size_t>((depth - from) * panel_cols) * 4) == 0);
    }
  }
}
