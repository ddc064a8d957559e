// Unit operation "pack": positions and masks. The library packs one row; a batch of several is put
// together here as the file's format says: dummy crops and padding are never seen, but they look.
#include <algorithm>

#include "golden/unit_op.hpp"
#include "proxyv/proxy/token_layout.hpp"

namespace golden {
namespace {

/// A place of the batch's row: a row of the layout, or padding.
struct Slot {
  index_t row = -1;
  std::int32_t position = 0;
  bool real() const { return row >= 0; }
};
using Slots = std::vector<Slot>;

struct Row {
  TokenLayout layout;
  Slots vision, proxy, newline, text;

  Slots packed() const { return join(vision, newline, text); }
  Slots focus() const { return join(proxy, newline, text); }

 private:
  static Slots join(Slots a, const Slots& b, const Slots& c) {
    a.insert(a.end(), b.begin(), b.end());
    a.insert(a.end(), c.begin(), c.end());
    return a;
  }
};

struct Sizes {
  index_t vision, proxies, newlines, text;
};

/// `count` slots; the first ones are rows [begin, begin + real) of the layout.
Slots slots(Span<const std::int32_t> positions, index_t begin, index_t real, index_t count,
            std::int32_t padding, std::int32_t step) {
  Slots out;
  for (index_t i = 0; i < real; ++i) out.push_back({begin + i, positions[begin + i]});
  for (; static_cast<index_t>(out.size()) < count; padding += step) out.push_back({-1, padding});
  return out;
}

void fill(Row& row, const Sizes& n) {
  const TokenLayout& own = row.layout;
  const auto positions = own.positions(), focus = own.focus_positions();
  const index_t first_text = own.vision() + own.newlines();
  std::int32_t after = 0;
  for (index_t i = first_text; i < own.rows(); ++i) after = std::max(after, positions[i] + 1);
  row.vision = slots(positions, 0, own.vision(), n.vision, 0, 0);
  row.proxy = slots(focus, 0, own.proxies(), n.proxies, 0, 0);
  row.newline = slots(positions, own.vision(), own.newlines(), n.newlines, 0, 0);
  row.text = slots(positions, first_text, own.text(), n.text, after, 1);
}

/// Rows of [newline | text] as focus rows are numbered.
index_t focus_row(const TokenLayout& layout, const Slot& slot, bool proxy) {
  return proxy ? slot.row : slot.row - layout.vision() + layout.proxies();
}

using Mask = std::vector<std::int64_t>;

Mask regular_mask(const Row& row) {
  Mask out;
  const Slots packed = row.packed();
  for (const Slot& q : packed)
    for (const Slot& k : packed)
      out.push_back(k.real() && (q.real() ? row.layout.sees(q.row, k.row) : q.position >= k.position) ? 1
                                                                                                      : 0);
  return out;
}

Mask proxy_mask(const Row& row) {
  Mask out;
  const Slots focus = row.focus();
  const std::size_t vision = row.vision.size(), proxies = row.proxy.size();
  for (std::size_t q = 0; q < focus.size(); ++q) {
    for (std::size_t k = 0; k < vision + focus.size(); ++k) {
      const bool from_proxy = q < proxies, to_vision = k < vision,
                 to_proxy = !to_vision && k - vision < proxies;
      const Slot& query = focus[q];
      const Slot& key = to_vision ? row.vision[k] : focus[k - vision];
      bool sees = false;
      if (key.real() && query.real()) {
        const index_t key_row =
            to_vision ? key.row : row.layout.vision() + focus_row(row.layout, key, to_proxy);
        sees = row.layout.proxy_layer_sees(focus_row(row.layout, query, from_proxy), key_row);
      } else if (key.real()) {  // padding looks by the same rules, but nothing reads what it sees
        sees = query.position >= key.position && (from_proxy ? !to_vision : !to_proxy);
      }
      out.push_back(sees ? 1 : 0);
    }
  }
  return out;
}

Mask without_vision_to_vision(Mask mask, const Sizes& n, bool keep_self) {
  const index_t rows = n.vision + n.newlines + n.text;
  for (index_t q = 0; q < n.vision; ++q)
    for (index_t k = 0; k < n.vision; ++k)
      if (!(keep_self && q == k)) mask[static_cast<std::size_t>(q * rows + k)] = 0;
  return mask;
}

/// The rows' prompts, and what the largest of them needs.
struct Batch {
  std::vector<std::vector<TokenId>> ids;
  std::vector<std::vector<ImageSlot>> images;
  std::vector<index_t> crops;
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
    batch.crops.push_back(0);
    for (const io::JsonValue& crops : io::as_array(row.require("crops", "an array"), row.place("crops"))) {
      batch.images.back().push_back({io::as_index(crops, row.place("crops"), 1, 65536), video});
      batch.crops.back() += batch.images.back().back().crops;
    }
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
  const index_t most = *std::max_element(batch.crops.begin(), batch.crops.end());
  Semantics semantics;
  semantics.subcrop_newline_without_base_offset =
      op.params().flag_or("subcrop_newline_without_base_offset", true);

  Sizes n{most * crops.tokens, most * crops.proxies, most, 0};
  std::vector<Row> rows(batch.ids.size());
  for (std::size_t b = 0; b < rows.size(); ++b) {
    CropShape own = crops;  // the cap counts the batch's crops, a layout only its own
    if (own.max_length > 0) own.max_length -= (most - batch.crops[b]) * (crops.tokens + 1);
    rows[b].layout =
        TokenLayout({batch.ids[b].data(), static_cast<index_t>(batch.ids[b].size())},
                    {batch.images[b].data(), static_cast<index_t>(batch.images[b].size())}, own, semantics);
    n.text = std::max(n.text, rows[b].layout.text());
  }

  Mask position, valid, proxy_position, proxy_valid, next, last, regular, special, v2v, v2v_self;
  const auto add = [](Mask& to, const Mask& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (Row& row : rows) {
    fill(row, n);
    const Slots packed = row.packed();
    for (const Slot& s : packed) position.push_back(s.position), valid.push_back(s.real() ? 1 : 0);
    for (const Slot& s : row.proxy)
      proxy_position.push_back(s.position), proxy_valid.push_back(s.real() ? 1 : 0);
    next.push_back(row.layout.next_position());
    last.push_back(std::find_if(packed.begin(), packed.end(),
                                [&](const Slot& s) { return s.row == row.layout.last_row(); }) -
                   packed.begin());
    const Mask mask = regular_mask(row);
    add(regular, mask);
    add(special, proxy_mask(row));
    add(v2v, without_vision_to_vision(mask, n, false));
    add(v2v_self, without_vision_to_vision(mask, n, true));
  }
  const std::size_t b = rows.size();
  const index_t all = n.vision + n.newlines + n.text, focus = n.proxies + n.newlines + n.text;
  op.same("position_ids", position, shape_of(b, all));
  op.same("valid", valid, shape_of(b, all));
  op.same("position_ids_proxy", proxy_position, shape_of(b, n.proxies));
  op.same("valid_proxy", proxy_valid, shape_of(b, n.proxies));
  op.same("row_next_position", next, shape_of(b));
  op.same("row_last_index", last, shape_of(b));
  op.same("allow_regular", regular, shape_of(b, all, all));
  op.same("allow_proxyv", special, shape_of(b, focus, n.vision + focus));
  op.same("allow_v2v", v2v, shape_of(b, all, all));
  op.same("allow_v2v_keep_self", v2v_self, shape_of(b, all, all));
}

}  // namespace golden
