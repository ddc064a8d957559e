// VisionZip: each crop keeps the tokens that the class token looks at, and merges the others into a few.
//
// Text plays no part, so a reduced picture is good for every question. Only one row of attention is needed
// (the encoder's tap, vision/clip_encoder.hpp), so the encoder keeps its fused attention everywhere.
// Source: VisionZip (arXiv 2412.04467) and its authors' code. Scores and cosines are float.
#pragma once

#include <vector>

#include "proxyv/layers/attention.hpp"
#include "proxyv/model/reduction.hpp"

namespace proxyv::inline v0 {

/// Which rows of a crop became what, in the engine's memory. T rows per crop, the class token is row 0.
template <class B>
struct ZipChoice {
  OutIds<B> kept;     ///< [dominant] ascending, kept[0] == 0
  OutIds<B> targets;  ///< [contextual] rows that others are merged into
  OutIds<B>
      merged;  ///< [T - dominant - contextual] ascending; without targets nothing is merged, and it is empty
  OutIds<B> to;  ///< [as merged] index into targets
};

/// The selection of one crop after another.
template <class B>
class VisionZip {
 public:
  /// Throws ArgumentError unless 1 <= dominant and dominant + contextual <= rows of a crop.
  VisionZip(const ZipSettings& settings, index_t heads, index_t rows)
      : settings_(settings), heads_(heads), rows_(rows) {
    settings.check(rows - 1);
    PROXYV_CHECK(heads > 0, ArgumentError, "VisionZip: ", heads, " heads");
  }

  index_t tokens() const { return settings_.tokens(); }
  index_t merged() const { return settings_.contextual == 0 ? 0 : rows_ - tokens(); }

  /// score [1, rows] out: the class token's attention to each row, summed over heads; column 0, its own,
  /// takes no part. cls_weights [heads, rows] of one crop.
  template <class E>
    requires RankOps<E>
  void score(E& be, View<const float, SpaceOf<B>> cls_weights, Table<B> score) const {
    be.sum_rows(cls_weights, 1.f, score);
  }

  /// Room for the numbers of a choice.
  ZipChoice<B> choice(Frame<Elem<B>, SpaceOf<B>>& frame) const {
    const auto ids = [&](index_t n) { return frame.template span<std::int32_t>(n); };
    return {ids(settings_.dominant), ids(settings_.contextual), ids(merged()), ids(merged())};
  }

  /// One crop. keys [rows, heads * head size] in, hidden [rows, width] in; tokens [tokens(), width] out: the
  /// kept rows ascending, then per target its row plus the mean of those merged into it.
  template <class E>
    requires RankOps<E> && MergeOps<E> && GatherOps<E>
  void reduce(E& be, View<const float, SpaceOf<B>> score, In<B> keys, In<B> hidden,
              const ZipChoice<B>& choice, Out<B> tokens) const {
    be.keep_top(score, 1, choice.kept, 0);
    be.gather(hidden, choice.kept, tokens.row_range(0, settings_.dominant));
    if (settings_.contextual == 0) return;
    auto frame = be.frame();
    auto metric = frame.template matrix<float>(rows_, keys.cols() / heads_);
    be.head_mean(keys, heads_, metric);
    be.group_rest(metric, choice.kept, choice.targets, choice.merged, choice.to);
    be.add_group_means(hidden, choice.targets, choice.merged, choice.to,
                       tokens.row_range(settings_.dominant, settings_.contextual));
  }

  /// All crops of a tap: tokens [crops * tokens(), width] out, crop after crop; see(crop, choice) may copy
  /// what was chosen.
  template <class E, class See>
  void operator()(E& be, View<const float, SpaceOf<B>> cls_weights, In<B> keys, In<B> hidden, Out<B> tokens,
                  See&& see) const {
    const index_t crops = hidden.rows() / rows_;
    PROXYV_CHECK(hidden.rows() == crops * rows_ && keys.rows() == hidden.rows() &&
                     keys.cols() % heads_ == 0 && cls_weights.rows() == crops * heads_ &&
                     cls_weights.cols() == rows_ && tokens.rows() == crops * this->tokens() &&
                     tokens.cols() == hidden.cols(),
                 ShapeError, "VisionZip: hidden ", shape_text(hidden.rows(), hidden.cols()), ", keys ",
                 shape_text(keys.rows(), keys.cols()), ", attention ",
                 shape_text(cls_weights.rows(), cls_weights.cols()), " -> tokens ",
                 shape_text(tokens.rows(), tokens.cols()), ", wanted crops of ", rows_, " rows -> ",
                 this->tokens(), " tokens each");
    for (index_t c = 0; c < crops; ++c) {
      auto frame = be.frame();
      auto row = frame.template matrix<float>(1, rows_);
      const ZipChoice<B> chosen = choice(frame);
      score(be, cls_weights.row_range(c * heads_, heads_), row);
      reduce(be, row, keys.row_range(c * rows_, rows_), hidden.row_range(c * rows_, rows_), chosen,
             tokens.row_range(c * this->tokens(), this->tokens()));
      see(c, chosen);
    }
  }

 private:
  ZipSettings settings_;
  index_t heads_, rows_;
};

/// Where row i of a stitched picture comes from: crop and row of its tokens.
struct ZipSource {
  std::int32_t crop = 0, row = 0;
};

/// The order of one any-resolution picture's tokens in the authors' "spatial_unpad" layout: all rows of the
/// base crop; the kept patches of the tiles in raster order of the stitched picture; the class rows of the
/// tiles; the contextual rows tile by tile. No newlines, and no padding is taken away. kept [1 + grid_w *
/// grid_h, dominant] row numbers as VisionZip chose them, on the host; side: patches per tile edge.
inline std::vector<ZipSource> stitched_order(View<const std::int32_t> kept, const ZipSettings& settings,
                                             index_t grid_w, index_t grid_h, index_t side) {
  const index_t crops = kept.rows(), dominant = kept.cols(), n = settings.tokens();
  PROXYV_CHECK(
      grid_w > 0 && grid_h > 0 && side > 0 && crops == 1 + grid_w * grid_h && dominant == settings.dominant,
      ShapeError, "stitched_order: ", crops, " crops with ", dominant, " kept rows, wanted 1 + ", grid_w,
      " x ", grid_h, " with ", settings.dominant);
  std::vector<ZipSource> order;
  order.reserve(static_cast<std::size_t>(crops * n));
  const auto add = [&](index_t crop, index_t row) {
    order.push_back({static_cast<std::int32_t>(crop), static_cast<std::int32_t>(row)});
  };
  for (index_t i = 0; i < n; ++i) add(0, i);
  // Kept patches are ascending, so each tile's rows of the picture follow one another: one cursor per tile.
  std::vector<index_t> next(static_cast<std::size_t>(crops), 1);
  for (index_t y = 0; y < grid_h * side; ++y) {
    for (index_t x = 0; x < grid_w; ++x) {
      const index_t crop = 1 + y / side * grid_w + x;
      index_t& row = next[static_cast<std::size_t>(crop)];
      for (; row < dominant && (kept(crop, row) - 1) / side == y % side; ++row) add(crop, row);
    }
  }
  for (index_t c = 1; c < crops; ++c) add(c, 0);
  for (index_t c = 1; c < crops; ++c)
    for (index_t row = dominant; row < n; ++row) add(c, row);
  return order;
}

}  // namespace proxyv::inline v0
