#include "proxyv/reduce/vision_zip.hpp"

#include <cmath>
#include <set>

#include "backend/small.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/eigen.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;
using Ints = std::vector<std::int32_t>;

namespace {

/// What was chosen of crops of `rows` tokens, and the tokens.
struct Chosen {
  std::vector<Ints> kept, targets, merged, to;
  Matrix tokens;
};

template <class B>
Chosen zip(const ZipSettings& settings, index_t crops, index_t rows, const Matrix& cls, const Matrix& keys,
           const Matrix& hidden) {
  B be({.workspace_bytes = 1 << 20});
  const VisionZip<B> zip(settings, 2, rows);
  Chosen out;
  out.tokens = Matrix(crops * zip.tokens(), hidden.cols);
  zip(be, cls.view(), keys.view(), hidden.view(), out.tokens.view(), [&](index_t, const ZipChoice<B>& c) {
    out.kept.emplace_back(c.kept.begin(), c.kept.end());
    out.targets.emplace_back(c.targets.begin(), c.targets.end());
    out.merged.emplace_back(c.merged.begin(), c.merged.end());
    out.to.emplace_back(c.to.begin(), c.to.end());
  });
  return out;
}

/// Positive weights, the class token's own the largest: it must be kept for being the class token.
Matrix attention(index_t crops, index_t rows) {
  Matrix m = small::noise(crops * 2, rows, 5);
  for (float& w : m.values) w = std::abs(w);
  return m;
}

}  // namespace

TEMPLATE_TEST_CASE("VisionZip: every row is kept, a target, or merged; crops do not know each other", "",
                   ReferenceBackend, EigenBackend) {
  const index_t rows = 26;
  const Matrix cls = attention(3, rows), keys = small::noise(3 * rows, 8, 2),
               hidden = small::noise(3 * rows, 6, 3);
  const Chosen all = zip<TestType>({9, 5, ZipLayout::crop_major}, 3, rows, cls, keys, hidden);
  for (std::size_t crop = 0; crop < 3; ++crop) {
    CHECK(all.kept[crop].front() == 0);
    std::multiset<std::int32_t> seen;
    for (const auto* ids : {&all.kept[crop], &all.targets[crop], &all.merged[crop]}) {
      CHECK(std::is_sorted(ids->begin(), ids->end()));
      seen.insert(ids->begin(), ids->end());
    }
    CHECK(seen.size() == 26);
    CHECK(std::set<std::int32_t>(seen.begin(), seen.end()).size() == 26);
    const auto begin = static_cast<index_t>(crop) * rows;
    const Chosen alone = zip<TestType>(
        {9, 5, ZipLayout::crop_major}, 1, rows,
        [&] {
          Matrix part(2, rows);
          std::copy_n(cls.view().row(static_cast<index_t>(crop) * 2), 2 * rows, part.values.begin());
          return part;
        }(),
        [&] {
          Matrix part(rows, 8);
          std::copy_n(keys.view().row(begin), rows * 8, part.values.begin());
          return part;
        }(),
        [&] {
          Matrix part(rows, 6);
          std::copy_n(hidden.view().row(begin), rows * 6, part.values.begin());
          return part;
        }());
    CHECK(alone.kept[0] == all.kept[crop]);
    CHECK(small::same_bits(alone.tokens.values,
                           small::values(all.tokens.view().row_range(static_cast<index_t>(crop) * 14, 14))));
  }
}

TEMPLATE_TEST_CASE("VisionZip: a token with members is the target plus their mean; without it stays", "",
                   ReferenceBackend, EigenBackend) {
  const index_t rows = 6;
  const Matrix cls{2, rows, {0, 9, 1, 1, 1, 1, 0, 9, 1, 1, 1, 1}};
  // Two heads of two: their mean decides.
  const Matrix keys{rows, 4, {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 3, 0, 5, 0, 4, 1, 6, -1}};
  const Matrix hidden{rows, 1, {1, 2, 4, 8, 16, 32}};
  const Chosen c = zip<TestType>({2, 2, ZipLayout::crop_major}, 1, rows, cls, keys, hidden);
  CHECK(c.kept[0] == Ints{0, 1});
  CHECK(c.targets[0] == Ints{2, 4});  // rest 2 3 4 5, every second
  CHECK(c.merged[0] == Ints{3, 5});
  CHECK(c.to[0] == Ints{0, 0});  // row 3 is right-angled to both, row 5 as near to both: the first wins
  CHECK(c.tokens.values == std::vector<float>{1, 2, 4 + 20, 16});
}

TEST_CASE("VisionZip: the class token alone, everything a target, nothing merged") {
  const index_t rows = 10;
  const Matrix cls = attention(1, rows), keys = small::noise(rows, 4, 2), hidden = small::noise(rows, 3, 3);
  CHECK(zip<ReferenceBackend>({1, 0, ZipLayout::crop_major}, 1, rows, cls, keys, hidden).tokens.values ==
        std::vector<float>(hidden.values.begin(), hidden.values.begin() + 3));
  const Chosen all = zip<ReferenceBackend>({4, 6, ZipLayout::crop_major}, 1, rows, cls, keys, hidden);
  CHECK(all.merged[0].empty());
  const Chosen whole = zip<ReferenceBackend>({10, 0, ZipLayout::crop_major}, 1, rows, cls, keys, hidden);
  CHECK(whole.tokens.values == hidden.values);
}

TEST_CASE("VisionZip: settings and shapes that do not fit are named") {
  using Zip = VisionZip<ReferenceBackend>;
  CHECK(error_of<ArgumentError>([] {
          Zip({8, 4, ZipLayout::crop_major}, 2, 11);
        }) ==
        "VisionZip: 8 dominant and 4 contextual tokens of 10 patches and the class token, wanted at least 1 "
        "and 0, and no more than there are");
  CHECK_THROWS_AS(Zip({0, 4, ZipLayout::crop_major}, 2, 11), ArgumentError);
  const Matrix cls = attention(1, 5), keys = small::noise(5, 4, 2), hidden = small::noise(6, 3, 3);
  CHECK_THAT(error_of<ShapeError>([&] {
               zip<ReferenceBackend>({2, 1, ZipLayout::crop_major}, 1, 5, cls, keys, hidden);
             }),
             ContainsSubstring("VisionZip: hidden [6, 3]"));
}

TEST_CASE("stitched order: base, patches of the picture in raster order, class rows, contextual rows") {
  // Two tiles side by side, 2 x 2 patches each; patch p of a tile is row p + 1 of it.
  const std::int32_t kept[] = {0, 1, 2, 0, 2, 3, 0, 1, 4};
  std::vector<std::pair<int, int>> found;
  for (const ZipSource& s : stitched_order({kept, 3, 3}, {3, 1, ZipLayout::stitched}, 2, 1, 2))
    found.emplace_back(s.crop, s.row);
  CHECK(found ==
        std::vector<std::pair<int, int>>{
            {0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 1}, {2, 1}, {1, 2}, {2, 2}, {1, 0}, {2, 0}, {1, 3}, {2, 3}});
  CHECK_THROWS_AS(stitched_order({kept, 3, 3}, {3, 1, ZipLayout::stitched}, 2, 2, 2), ShapeError);
}
