// Rows picked by number, from activations or from a weight of any element type.
#pragma once

#include <algorithm>

#include "proxyv/core/view.hpp"
#include "proxyv/eigen/convert.hpp"
#include "proxyv/eigen/ops.hpp"
#include "proxyv/eigen/pack.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

template <class T>
void widen_row(const std::byte* from, float* to, index_t n) {
  constexpr int size = static_cast<int>(sizeof(T));
  index_t j = 0;
  for (; j + lanes <= n; j += lanes) store(to + j, load_as_float<T>(from + j * size));
  for (; j < n; ++j) to[j] = element_at<T>(from + j * size);
}

/// Row `row` of a packed weight, element by element: for starting up, not for every token.
template <class T>
void widen_packed_row(const Weight<>& table, index_t row, float* to) {
  const index_t panel = table.panel(), first = row / panel * panel * table.stored_cols();
  const auto* data = static_cast<const std::byte*>(table.data());
  for (index_t k = 0; k < table.cols(); ++k)
    to[k] = element_at<T>(data + (first + packed_at(table.type(), panel, row % panel, k)) *
                                     static_cast<index_t>(sizeof(T)));
}

template <class DefinedIn>
void CpuOps<DefinedIn>::embed(const Weight<>& table, Span<const std::int32_t> ids, View<float> y,
                              Team threads) {
  const auto* data = static_cast<const std::byte*>(table.data());
  const index_t row_bytes = table.cols() * static_cast<index_t>(dtype_size(table.type()));
  each_row(threads, y.rows(), (table.packed() ? 8 : 1) * y.cols(), [&](index_t i) {
    with_dtype(table.type(), [&]<class T>(T) {
      if (table.packed()) widen_packed_row<T>(table, ids[i], y.row(i));
      else widen_row<T>(data + ids[i] * row_bytes, y.row(i), y.cols());
    });
  });
}

template <class DefinedIn>
void CpuOps<DefinedIn>::gather(View<const float> x, Span<const std::int32_t> ids, View<float> y,
                               Team threads) {
  each_row(threads, y.rows(), y.cols(), [&](index_t i) { std::copy_n(x.row(ids[i]), x.cols(), y.row(i)); });
}

}  // namespace detail
}  // namespace proxyv::inline v0
