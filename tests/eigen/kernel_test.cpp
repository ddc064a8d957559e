#include "proxyv/eigen/kernel.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;
using detail::panel_cols;

TEST_CASE("kernel: every height, whole and cut panels, stored and added") {
  const index_t depth = 11;
  const Buffer<float> panel = host_buffer<float>(depth * panel_cols);
  for (index_t i = 0; i < panel.size(); ++i) panel.data()[i] = static_cast<float>(i % 13 - 6);
  for (int rows = 1; rows <= detail::tile_rows; ++rows) {
    std::vector<float> a(static_cast<std::size_t>(depth * rows));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3.f;
    for (index_t cols : {index_t{1}, index_t{panel_cols - 1}, index_t{panel_cols}}) {
      for (bool add : {false, true}) {
        Block y(rows, cols, 1);
        std::fill(y.memory.begin(), y.memory.end(), 100.f);
        detail::kernel(rows, depth, a.data(), panel.data(), y.view().data(), y.stride, add, cols);
        bool right = true;
        for (index_t i = 0; i < rows; ++i) {
          for (index_t j = 0; j < cols; ++j) {
            float wanted = add ? 100.f : 0.f;  // small integers: exact in any order
            for (index_t k = 0; k < depth; ++k)
              wanted += a[static_cast<std::size_t>(k * rows + i)] * panel.data()[k * panel_cols + j];
            right = right && y.view()(i, j) == wanted;
          }
          if (i + 1 < rows) right = right && y.view().row(i)[cols] == 100.f;
        }
        CHECK(right);
      }
    }
  }
}

TEST_CASE("kernel: tiles are nearly equal and cover the rows; many rows have high tiles alone") {
  for (index_t rows = 1; rows <= 480; ++rows) {
    const detail::Tiles tiles{rows};
    CHECK(tiles.begin(0) == 0);
    CHECK(tiles.begin(tiles.count()) == rows);
    index_t least = rows, most = 0;
    for (index_t t = 0; t < tiles.count(); ++t) {
      least = std::min(least, tiles.begin(t + 1) - tiles.begin(t));
      most = std::max(most, tiles.begin(t + 1) - tiles.begin(t));
    }
    CHECK(most <= detail::tile_rows);
    CHECK(most - least <= 1);
    if (rows >= detail::high_tiles) CHECK(least >= detail::tile_rows - 1);
  }
}
