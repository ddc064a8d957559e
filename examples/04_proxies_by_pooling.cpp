// Lesson 4. Proxies: a few tokens that stand for many. Each crop is a raster of vision tokens;
// bilinear reduction makes one proxy per block. It is not the mean of the block.
#include <cstdio>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using lesson::Matrix;
using pv::index_t;

/// Prints a raster whose tokens have width 1.
void print_raster(const char* title, const Matrix& tokens, index_t side) {
  std::printf("%s\n", title);
  for (index_t y = 0; y < side; ++y) {
    for (index_t x = 0; x < side; ++x) {
      const float value = tokens.view()(y * side + x, 0);
      if (value == 0.f) std::printf("     .");
      else std::printf("  %4.1f", static_cast<double>(value));
    }
    std::printf("\n");
  }
}

/// The mean of each factor x factor block, for comparison.
Matrix block_means(const Matrix& full, const pv::Grid& grid) {
  Matrix out(grid.pooled_rows(), 1);
  for (index_t i = 0; i < full.rows; ++i) {
    const index_t block = i / grid.side / grid.factor * grid.pooled_side() + i % grid.side / grid.factor;
    out.view()(block, 0) += full.view()(i, 0) / static_cast<float>(grid.factor * grid.factor);
  }
  return out;
}

int main() {
  // One crop of 8 x 8 tokens, one proxy per 4 x 4 block. Real tokens have 4096 numbers; here they have one.
  const pv::Grid grid{.crops = 1, .side = 8, .factor = 4};
  Matrix full(grid.full_rows(), 1);
  const auto set = [&](index_t y, index_t x, float value) { full.view()(y * grid.side + x, 0) = value; };
  set(0, 0, 8.f);  // a corner of the first block: its proxy will not notice
  set(1, 5, 8.f), set(1, 6, 8.f), set(2, 5, 8.f), set(2, 6, 8.f);  // the middle of the second
  set(6, 1, 8.f);                                                  // one of the four middle tokens of the third
  for (index_t y = 4; y < 8; ++y)
    for (index_t x = 4; x < 8; ++x) set(y, x, 3.f);  // an even block
  print_raster("64 vision tokens", full, grid.side);

  Engine be({});
  Matrix proxies(grid.pooled_rows(), 1);
  be.bilinear_pool(full.view(), proxies.view(), grid);
  print_raster("\n4 proxies: the mean of the inner 2 x 2 of each block", proxies, grid.pooled_side());
  print_raster("\nnot the block means, which are", block_means(full, grid), grid.pooled_side());

  // With an odd factor a proxy starts as the token in the middle of its block.
  const pv::Grid by_three{.crops = 1, .side = 6, .factor = 3};
  Matrix numbered(by_three.full_rows(), 1), middles(by_three.pooled_rows(), 1);
  for (index_t i = 0; i < numbered.rows; ++i) numbered.view()(i, 0) = static_cast<float>(i + 1);
  be.bilinear_pool(numbered.view(), middles.view(), by_three);
  print_raster("\n36 numbered tokens", numbered, by_three.side);
  print_raster("\nby blocks of 3 x 3", middles, by_three.pooled_side());

  // The way back: every token of a block gets its proxy's row. The guided update uses it.
  Matrix back(grid.full_rows(), 1);
  be.upsample(proxies.view(), back.view(), grid);
  print_raster("\nthe 4 proxies, spread over their blocks", back, grid.side);
}
