// ModelStates: what a hook gathers during a prefill, in the shapes of a golden file.
#pragma once

#include <map>
#include <vector>

#include "golden/tensors.hpp"
#include "proxyv/model/stack.hpp"

namespace golden {

/// Copies the rows of a view behind `out`.
inline void append_rows(std::vector<float>& out, View<const float> rows) {
  for (index_t i = 0; i < rows.rows(); ++i) out.insert(out.end(), rows.row(i), rows.row(i) + rows.cols());
}

/// [n, heads * dim] as the file has it: [heads, n, dim].
inline std::vector<float> heads_first(View<const float> rows, index_t dim) {
  std::vector<float> out;
  for (index_t column = 0; column < rows.cols(); column += dim) append_rows(out, rows.col_range(column, dim));
  return out;
}

/// The way back: [heads, n, dim] as rows [n, heads * dim].
inline std::vector<float> rows_first(const float* data, index_t heads, index_t n, index_t dim) {
  std::vector<float> out;
  for (index_t i = 0; i < n; ++i)
    for (index_t h = 0; h < heads; ++h)
      out.insert(out.end(), data + (h * n + i) * dim, data + (h * n + i + 1) * dim);
  return out;
}

/// States by number: hidden[0] is the packed embeddings, hidden[i + 1] the stream after layer i;
/// proxies[i] are those that enter layer i.
struct ModelStates {
  std::map<index_t, std::vector<float>> hidden, proxies;
  std::vector<float> splat;

  template <class B>
  void keep(B& be, const LayerEvent<B>& event) {
    std::vector<float>& rows = hidden[event.layer + 1];
    rows = read<B>(be, event.vision);
    append(rows, read<B>(be, event.rest));
    if (event.proxies.empty()) return;
    proxies[event.layer + 1] = read<B>(be, event.proxies);
    splat = read<B>(be, event.splat);
  }
};

}  // namespace golden
