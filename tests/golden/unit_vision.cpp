// Unit operations on pictures and frames; they run on no engine.
#include "golden/unit_op.hpp"
#include "proxyv/io/grid_pinpoints.hpp"
#include "proxyv/vision/anyres.hpp"
#include "proxyv/vision/pool_2d.hpp"

namespace golden {

void check_anyres(UnitOp& op) {
  const index_t n = op.shape("image_sizes", 2)[0], crop = op.params().index("patch_size", 1, 65536);
  std::vector<Resolution> candidates;
  for (const auto& [width, height] : io::parse_grid_pinpoints(
           op.params().require("pinpoints", "a list or a range"), crop, op.params().place("pinpoints")))
    candidates.push_back({width, height});
  const std::vector<std::int64_t> sizes = op.file().integers(op.tensor("image_sizes"), shape_of(n, 2));
  std::vector<std::int64_t> resolution, grid, geometry;
  for (std::size_t i = 0; i < sizes.size(); i += 2) {
    const Resolution best = select_best_resolution(sizes[i], sizes[i + 1], candidates);
    const GridShape shape = grid_shape(best, crop);
    const AnyresGeometry place = anyres_geometry(sizes[i], sizes[i + 1], best);
    resolution.insert(resolution.end(), {best.width, best.height});
    grid.insert(grid.end(), {shape.across, shape.down});
    geometry.insert(geometry.end(), {place.width, place.height, place.x, place.y});
  }
  op.same("resolution", resolution, shape_of(n, 2));
  op.same("grid", grid, shape_of(n, 2));
  op.same("geometry", geometry, shape_of(n, 4));
}

void check_pool_2d(UnitOp& op) {
  const auto s = op.shape("x", 3);  // frames, tokens, width
  const index_t side = op.params().index("side", 1, 65536), stride = op.params().index("stride", 1, side);
  const std::string name = op.params().text("mode");
  if (name != "average" && name != "max" && name != "bilinear")
    io::refuse(op.params().place("mode"), "a known mode", io::in_quotes(name));
  const PoolMode mode = name == "average" ? PoolMode::average
                        : name == "max"   ? PoolMode::max
                                          : PoolMode::bilinear;
  const index_t out = pooled_side(side, stride, mode);
  const std::vector<float> x = op.floats("x");
  std::vector<float> y = room(s[0] * out * out * s[2]);
  pool_2d(View<const float>(x.data(), s[0] * s[1], s[2]), View<float>(y.data(), s[0] * out * out, s[2]), side,
          stride, mode);
  op.close("y", y, shape_of(s[0], out * out, s[2]));
}

}  // namespace golden
