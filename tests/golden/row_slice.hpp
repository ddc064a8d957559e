// RowSlice: which numbers of a batch's tensors belong to one of its rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxyv/core/shape.hpp"

namespace golden {

using proxyv::index_t;

/// One row, and which of its slots are looked at: all, or those that are no padding.
struct RowSlice {
  index_t row = 0, rows = 1;
  index_t crops = 0, tokens = 0, proxies = 0, text = 0;  ///< of the padded row; tokens, proxies of a crop
  index_t kept_crops = 0, kept_text = 0;                 ///< the first ones

  /// "in.row2.x" for "in.row0.x" of row 2.
  std::string name(const std::string& tensor) const;
  /// Whether the numbers of that tensor are spread over rows.
  bool cuts(const std::string& tensor) const { return tensor.starts_with("out."); }
  /// Indices looked at along each axis of a tensor of that shape.
  std::vector<std::vector<index_t>> indices(const std::string& tensor,
                                            const std::vector<index_t>& shape) const;

  /// values [shape] at those indices.
  template <class T>
  static std::vector<T> pick(const std::vector<T>& values, const std::vector<index_t>& shape,
                             const std::vector<std::vector<index_t>>& indices) {
    std::vector<std::size_t> places{0};
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      std::vector<std::size_t> next;
      for (const std::size_t place : places)
        for (const index_t i : indices[axis])
          next.push_back(place * static_cast<std::size_t>(shape[axis]) + static_cast<std::size_t>(i));
      places = std::move(next);
    }
    std::vector<T> out;
    for (const std::size_t place : places) out.push_back(values.at(place));
    return out;
  }
};

}  // namespace golden
