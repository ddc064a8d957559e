// The products that the peers are measured on, and how a command line names them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::bench {

/// y [rows, cols] = x [rows, depth] w^T, w [cols, depth].
struct Shape {
  index_t rows, depth, cols;

  friend bool operator==(const Shape&, const Shape&) = default;
  std::string text() const {
    return std::to_string(rows) + "x" + std::to_string(depth) + "x" + std::to_string(cols);
  }
  double flops() const { return 2.0 * static_cast<double>(rows * depth * cols); }
  /// Of a generated token: bound by reading the weights.
  bool decode() const { return rows == 1; }
};

struct ShapeGroup {
  std::string_view name;
  std::vector<Shape> shapes;
};

/// Five crops and 50 words: 2935 rows of a plain layer, 235 of a ProxyV layer, 2880 of its vision update.
inline const std::vector<ShapeGroup>& shape_groups() {
  static const std::vector<ShapeGroup> groups{
      {"vicuna",
       {{2935, 4096, 4096},
        {2935, 4096, 11008},
        {235, 4096, 11008},
        {235, 11008, 4096},
        {2880, 4096, 1024},
        {2880, 2048, 1024},
        {2880, 1024, 4096}}},
      {"small",
       {{2935, 1024, 1024},
        {2935, 1024, 2816},
        {2935, 2816, 1024},
        {235, 1024, 2816},
        {235, 2816, 1024},
        {2880, 512, 256},
        {2880, 256, 1024}}},
      {"decode", {{1, 4096, 4096}, {1, 4096, 11008}, {1, 11008, 4096}, {1, 1024, 2816}}},
      {"quick", {{235, 1024, 2816}, {2935, 1024, 1024}, {1, 1024, 2816}}}};
  return groups;
}

namespace detail {

inline void append_once(std::vector<Shape>& to, const Shape& shape) {
  for (const Shape& s : to)
    if (s == shape) return;
  to.push_back(shape);
}

}  // namespace detail

/// "all", or names joined by commas: of groups (vicuna, small, decode, quick) and of shapes
/// ("235x1024x2816"). In the order given, each once. Throws ArgumentError that quotes a name that is none.
inline std::vector<Shape> parse_shapes(std::string_view text) {
  std::vector<Shape> out;
  for (std::string_view rest = text; !rest.empty() || text.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest = name.size() == rest.size() ? std::string_view() : rest.substr(name.size() + 1);
    bool found = false;
    for (const ShapeGroup& group : shape_groups())
      for (const Shape& shape : group.shapes)
        if (name == "all" || name == group.name || name == shape.text()) {
          found = true;
          detail::append_once(out, shape);
        }
    PROXYV_CHECK(
        found, ArgumentError, "--shapes: \"", name,
        "\", wanted all, vicuna, small, decode, quick, or one of their shapes, such as 235x1024x2816");
  }
  return out;
}

}  // namespace proxyv::bench
