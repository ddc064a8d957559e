// Unit operation "pack": positions and masks of a padded batch.
#include "golden/unit_op.hpp"
#include "proxyv/proxy/batch_layout.hpp"

namespace golden {
namespace {

using Mask = std::vector<std::int64_t>;

Mask regular_mask(const TokenLayout& row) {
  Mask out;
  for (index_t q = 0; q < row.rows(); ++q)
    for (index_t k = 0; k < row.rows(); ++k) out.push_back(row.sees(q, k) ? 1 : 0);
  return out;
}

/// 1 for the first `own` of `all`, else 0.
void add_valid(Mask& to, index_t own, index_t all) {
  for (index_t i = 0; i < all; ++i) to.push_back(i < own ? 1 : 0);
}

Mask without_vision_to_vision(Mask mask, const TokenLayout& row, bool keep_self) {
  for (index_t q = 0; q < row.vision(); ++q)
    for (index_t k = 0; k < row.vision(); ++k)
      if (!(keep_self && q == k)) mask[static_cast<std::size_t>(q * row.rows() + k)] = 0;
  return mask;
}

/// The rows' prompts.
struct Batch {
  std::vector<std::vector<TokenId>> ids;
  std::vector<std::vector<ImageSlot>> images;
};

Batch read_batch(const UnitOp& op) {
  Batch batch;
  const io::JsonPlace place = op.params().place("rows");
  for (const io::JsonValue& record : io::as_array(op.params().require("rows", "an array"), place)) {
    const io::JsonFields row(record, op.file().where("ops"), "rows.");
    const bool video = row.text_or("modality", "image") == "video";
    batch.ids.push_back(
        op.file().small_integers(op.tensor("row" + std::to_string(batch.ids.size()) + ".input_ids")));
    batch.images.emplace_back();
    for (const io::JsonValue& crops : io::as_array(row.require("crops", "an array"), row.place("crops")))
      batch.images.back().push_back({io::as_index(crops, row.place("crops"), 1, 65536), video});
  }
  if (batch.ids.empty()) io::refuse(place, "at least one row", "none");
  return batch;
}

CropShape read_crops(const UnitOp& op) {
  const index_t tokens = op.params().index("per_crop_token_len", 1, index_t{1} << 24);
  index_t side = 1;
  while (side * side < tokens) ++side;
  const index_t r = op.params().index("r", 1, side);
  if (side * side != tokens || side % r != 0)
    io::refuse(op.params().place("r"), "a divisor of a square crop's side", std::to_string(r));
  return {tokens, (side / r) * (side / r), op.params().index_or("max_length", 0, 1, index_t{1} << 30)};
}

}  // namespace

void check_pack(UnitOp& op) {
  const Batch batch = read_batch(op);
  const CropShape crops = read_crops(op);
  Semantics semantics;
  semantics.subcrop_newline_without_base_offset =
      op.params().flag_or("subcrop_newline_without_base_offset", true);

  std::vector<RowPrompt> prompts;
  for (std::size_t b = 0; b < batch.ids.size(); ++b)
    prompts.push_back({{batch.ids[b].data(), static_cast<index_t>(batch.ids[b].size())},
                       {batch.images[b].data(), static_cast<index_t>(batch.images[b].size())}});
  std::vector<TokenLayout> rows =
      batch_layouts({prompts.data(), static_cast<index_t>(prompts.size())}, crops, semantics);
  pad_to_longest(rows);

  Mask position, valid, proxy_position, proxy_valid, next, last, regular, special, v2v, v2v_self;
  const auto add = [](Mask& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const TokenLayout& row : rows) {
    add(position, row.positions());
    add_valid(valid, row.own_vision(), row.vision());
    add_valid(valid, row.own_newlines(), row.newlines());
    add_valid(valid, row.own_text(), row.text());
    add(proxy_position, row.focus_positions().first(row.proxies()));
    add_valid(proxy_valid, row.own_proxies(), row.proxies());
    next.push_back(row.next_position());
    last.push_back(row.last_row());
    const Mask mask = regular_mask(row);
    add(regular, mask);
    add(special, row.proxy_layer_mask());
    add(v2v, without_vision_to_vision(mask, row, false));
    add(v2v_self, without_vision_to_vision(mask, row, true));
  }
  const TokenLayout& n = rows.front();
  const std::size_t b = rows.size();
  const index_t all = n.rows(), focus = n.proxies() + n.newlines() + n.text();
  op.same("position_ids", position, shape_of(b, all));
  op.same("valid", valid, shape_of(b, all));
  op.same("position_ids_proxy", proxy_position, shape_of(b, n.proxies()));
  op.same("valid_proxy", proxy_valid, shape_of(b, n.proxies()));
  op.same("row_next_position", next, shape_of(b));
  op.same("row_last_index", last, shape_of(b));
  op.same("allow_regular", regular, shape_of(b, all, all));
  op.same("allow_proxyv", special, shape_of(b, focus, n.vision() + focus));
  op.same("allow_v2v", v2v, shape_of(b, all, all));
  op.same("allow_v2v_keep_self", v2v_self, shape_of(b, all, all));
}

}  // namespace golden
