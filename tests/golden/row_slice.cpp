#include "golden/row_slice.hpp"

#include <numeric>

namespace golden {
namespace {

using Indices = std::vector<index_t>;

Indices all(index_t n) {
  Indices out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), index_t{0});
  return out;
}

/// The first `kept` of `n` slots that begin at `begin`.
void add(Indices& to, index_t begin, index_t kept) {
  for (index_t i = 0; i < kept; ++i) to.push_back(begin + i);
}

}  // namespace

std::string RowSlice::name(const std::string& tensor) const {
  const std::string first = "in.row0.";
  return tensor.starts_with(first) ? "in.row" + std::to_string(row) + "." + tensor.substr(first.size())
                                   : tensor;
}

std::vector<std::vector<index_t>> RowSlice::indices(const std::string& tensor,
                                                    const std::vector<index_t>& shape) const {
  const index_t vision = crops * tokens, proxy = crops * proxies, packed = vision + crops + text;
  Indices packed_rows, focus_rows, special_keys, proxy_rows, text_rows;
  add(packed_rows, 0, kept_crops * tokens);
  add(packed_rows, vision, kept_crops);
  add(packed_rows, vision + crops, kept_text);
  add(proxy_rows, 0, kept_crops * proxies);
  add(text_rows, 0, kept_text);
  focus_rows = proxy_rows;
  add(focus_rows, proxy, kept_crops);
  add(focus_rows, proxy + crops, kept_text);
  add(special_keys, 0, kept_crops * tokens);
  for (const index_t i : focus_rows) special_keys.push_back(vision + i);

  const std::string name = tensor.substr(tensor.find('.') + 1);
  const auto is = [&](const char* begin) { return name.starts_with(begin); };
  std::vector<Indices> out;
  for (const index_t n : shape) out.push_back(all(n));
  if (out.empty()) return out;
  if (is("splat")) {
    out[0].clear();
    add(out[0], row * crops, kept_crops);
    return out;
  }
  out[0] = {row};
  const auto set = [&](std::size_t axis, const Indices& rows_kept) {
    if (axis < out.size()) out[axis] = rows_kept;
  };
  if (is("position_ids_proxy") || is("valid_proxy") || is("proxy.")) set(1, proxy_rows);
  else if (is("position_ids") || is("valid") || is("hidden.") || is("last_hidden")) set(1, packed_rows);
  else if (is("allow_regular")) set(1, packed_rows), set(2, packed_rows);
  else if (is("allow_special") && shape.size() == 3 && shape[1] == packed)
    set(1, packed_rows), set(2, packed_rows);
  else if (is("allow_special")) set(1, focus_rows), set(2, special_keys);
  else if (is("attn.")) set(1, shape.size() > 1 && shape[1] == packed ? packed_rows : focus_rows);
  else if (is("cache.")) set(2, packed_rows);
  else if (is("logits_text")) set(1, text_rows);
  return out;
}

}  // namespace golden
