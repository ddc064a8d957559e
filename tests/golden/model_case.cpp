#include "golden/model_case.hpp"

#include <algorithm>

#include "proxyv/study/vision_mask.hpp"
#include "proxyv/vision/pool_2d.hpp"

namespace golden {
namespace {

constexpr index_t max_size = index_t{1} << 24;

io::Family read_family(const io::JsonFields& config) {
  const std::string name = config.text("family");
  for (const io::Family family : {io::Family::llama, io::Family::qwen2, io::Family::phi3, io::Family::internlm2})
    if (name == io::family_name(family)) return family;
  io::refuse(config.place("family"), "llama, qwen2, phi3 or internlm2", io::in_quotes(name));
}

/// Width of the feed-forward network, from the first layer's tensors.
index_t read_ffn(const GoldenFile& file, io::Family family) {
  const std::string layer = "model.layers.0.", fused = layer + "mlp.gate_up_proj.weight";
  if (family == io::Family::internlm2) return file.shape(layer + "feed_forward.w1.weight", 2)[0];
  if (file.has(fused)) return file.shape(fused, 2)[0] / 2;
  return file.shape(layer + "mlp.gate_proj.weight", 2)[0];
}

template <class Choice>
Choice choose(const io::JsonFields& fields, const char* key, const char* reference, Choice if_reference,
              const char* row, Choice if_row) {
  const std::string found = fields.text(key);
  if (found != reference && found != row)
    io::refuse(fields.place(key), "a known quirk", io::in_quotes(found));
  return found == row ? if_row : if_reference;
}

Study study_kind(const std::string& mode) {
  return mode == "mask_v2v"        ? Study::mask_v2v
         : mode == "attn_skip"     ? Study::attn_skip_drop
         : mode == "attn_ffn_skip" ? Study::attn_ffn_skip
                                   : Study::none;
}

StudyVariant read_study(const io::JsonFields& config, const std::string& where) {
  const io::JsonFields quirks(config.require("quirks", "an object"), where, "quirks.");
  const Study kind = study_kind(config.text("mode"));
  const bool light = kind == Study::attn_ffn_skip && config.text_or("light_mlp", "none") == "mlp";
  return {.kind = kind,
          .keep_self = config.flag_or("mask_keep_self", false),
          .empty_row = choose(quirks, "empty_row", "uniform", EmptyRow::uniform, "zero", EmptyRow::zero),
          .light_mlp = light,
          .light_mlp_norm = light && config.flag_or("light_mlp_post_norm", false)};
}

Semantics read_semantics(const io::JsonFields& config, const std::string& where) {
  const io::JsonFields quirks(config.require("quirks", "an object"), where, "quirks.");
  return {.subcrop_newline_without_base_offset = quirks.flag_or("subcrop_newline_without_base_offset", true),
          .next_token = choose(quirks, "next_token_from", "packed_last", NextToken::packed_last, "row_last",
                               NextToken::row_last),
          .decode_position = choose(quirks, "decode_position", "packed", DecodePosition::packed, "row",
                                    DecodePosition::row),
          .decode_padding = choose(quirks, "decode_padding", "attend", DecodePadding::attend, "mask",
                                   DecodePadding::mask)};
}

index_t side_of(const io::JsonFields& config) {
  const index_t tokens = config.index("per_crop_token_len", 1, max_size);
  index_t side = 1;
  while (side * side < tokens) ++side;
  if (side * side != tokens)
    io::refuse(config.place("per_crop_token_len"), "a perfect square", std::to_string(tokens));
  return side;
}

/// Inner widths are read off the weights' shapes.
RuntimeConfig read_config(const GoldenFile& file, const io::JsonFields& config, bool proxies) {
  RuntimeConfig c;
  c.hidden = config.index("hidden_size", 1, max_size);
  c.layers = config.index("num_hidden_layers", 1, 65536);
  c.heads = config.index("num_attention_heads", 1, max_size);
  c.kv_heads = config.index("num_key_value_heads", 1, max_size);
  if (c.hidden % c.heads != 0)
    io::refuse(config.place("num_attention_heads"), "a divisor of hidden_size", std::to_string(c.heads));
  c.head_dim = c.hidden / c.heads;
  c.ffn = read_ffn(file, read_family(config));
  c.vocab = config.index("vocab_size", 1, max_size);
  c.norm_eps = static_cast<float>(config.number_or("rms_norm_eps", 1e-5, 0.0, 1.0));
  c.rope_theta = config.number_or("rope_theta", 10000.0, 1.0, 1e12);
  c.tied_embeddings = config.flag_or("tie_word_embeddings", false);
  c.qkv_bias = read_family(config) == io::Family::qwen2;
  c.crop_side = side_of(config);
  c.proxy_factor = config.index("proxyv_reduce_factor", 1, c.crop_side);
  c.study = read_study(config, file.where("config"));
  const bool special = proxies || c.study.kind != Study::none;
  c.proxy_start = special ? config.index("start_layer", 0, c.layers) : c.layers;
  c.learned_proxies = proxies && config.flag_or("learn_proxy", false);
  if (read_family(config) == io::Family::phi3) {
    const io::JsonFields quirks(config.require("quirks", "an object"), file.where("config"), "quirks.");
    c.blockwise_update = quirks.flag_or("phi3_learned_update_is_spatial", true);
  }
  if (c.proxy_start < c.layers && (proxies || c.study.light_mlp))
    c.update_inner = file.shape(proxies ? "model.vision_mlp_layers.0.context_proj.weight"
                                        : "model.light_mlp_layers.0.input_proj.weight", 2)[0];
  check_config(c);
  return c;
}

void read_row(const GoldenFile& file, const io::JsonFields& row, ModelCase& c) {
  const bool video = row.text_or("modality", "image") == "video";
  c.ids = file.small_integers("in.row0.input_ids");
  for (const io::JsonValue& crops : io::as_array(row.require("crops", "an array"), row.place("crops"))) {
    const index_t n = io::as_index(crops, row.place("crops"), 1, 65536);
    const std::string name = "in.row0.image" + std::to_string(c.images.size());
    const std::vector<float> features = file.floats(name, shape_of(n, c.crops.tokens, c.config.hidden));
    c.vision.insert(c.vision.end(), features.begin(), features.end());
    c.images.push_back({n, video});
  }
}

void check_pooling(const GoldenFile& file, const io::JsonFields& pool, const ModelCase& c, double tolerance,
                   Report& report) {
  const index_t side = pool.index("side", 1, 65536), stride = pool.index("stride", 1, side);
  const std::string mode = pool.text("mode");
  const PoolMode how = mode == "max"        ? PoolMode::max
                       : mode == "bilinear" ? PoolMode::bilinear
                                            : PoolMode::average;
  for (std::size_t j = 0; j < c.images.size(); ++j) {
    const std::string index = std::to_string(j);
    const index_t frames = c.images[j].crops, width = c.config.hidden;
    const auto raw = file.floats("in.row0.raw" + index, shape_of(frames, side * side, width));
    const auto wanted = file.doubles("in.row0.image" + index);
    std::vector<float> pooled(wanted.size());
    pool_2d(View<const float>(raw.data(), frames * side * side, width),
            View<float>(pooled.data(), frames * c.crops.tokens, width), side, stride, how);
    report.close("in.row0.image" + index, pooled, wanted, tolerance);
  }
}

/// Of each run of slots the first are the prompt's own: ones, then zeros.
std::vector<std::int64_t> own_first(std::initializer_list<std::pair<index_t, index_t>> runs) {
  std::vector<std::int64_t> out;
  for (const auto& [own, all] : runs)
    for (index_t i = 0; i < all; ++i) out.push_back(i < own ? 1 : 0);
  return out;
}

using Sees = bool (TokenLayout::*)(index_t, index_t) const;

std::vector<std::int64_t> mask(const TokenLayout& layout, Sees sees, index_t queries, index_t keys) {
  std::vector<std::int64_t> out;
  for (index_t q = 0; q < queries; ++q)
    for (index_t k = 0; k < keys; ++k) out.push_back((layout.*sees)(q, k) ? 1 : 0);
  return out;
}

}  // namespace

index_t ModelCase::own_crops() const {
  index_t n = 0;
  for (const ImageSlot& slot : images) n += slot.crops;
  return n;
}

TokenLayout ModelCase::layout(const CropShape& shape, const Semantics& how, bool with_padding) const {
  CropShape own = shape;
  if (own.max_length > 0) own.max_length -= (batch_crops - own_crops()) * (shape.tokens + 1);
  const TokenLayout alone(prompt(), slots(), own, how);
  return with_padding ? alone.padded(batch_crops, batch_text) : alone;
}

namespace {

ModelCase read_model_case(const GoldenFile& file, const io::JsonValue& row) {
  const io::JsonValue config_json = file.json("config"), sizes_json = file.json("sizes");
  const io::JsonFields config(config_json, file.where("config"));
  ModelCase c;
  const std::string mode = config.text("mode");
  if (mode != "vanilla" && mode != "proxyv" && study_kind(mode) == Study::none)
    io::refuse(config.place("mode"), "a known mode", io::in_quotes(mode));
  c.proxies = mode == "proxyv";
  c.family = read_family(config);
  c.config = read_config(file, config, c.proxies);
  c.crops = {tokens_per_crop(c.config), c.proxies ? proxies_per_crop(c.config) : 0,
             config.index_or("tokenizer_model_max_length", 0, 1, max_size)};
  c.semantics = read_semantics(config, file.where("config"));
  read_row(file, io::JsonFields(row, file.where("rows")), c);
  const io::JsonFields sizes(sizes_json, file.where("sizes"));
  c.steps = sizes.index("steps", 1, 65536);
  c.batch_crops = sizes.index("C", 0, max_size);
  c.batch_text = sizes.index("T", 1, max_size);
  if (file.has_text("eos")) {
    const io::JsonValue eos_json = file.json("eos");
    const io::JsonFields eos(eos_json, file.where("eos"));
    c.eos = static_cast<TokenId>(eos.index("eos", 0, max_size));
    c.pad = static_cast<TokenId>(eos.index_or("pad", 0, 0, max_size));
  }
  return c;
}

}  // namespace

std::vector<RowCase> read_rows(const GoldenFile& file) {
  const io::JsonValue rows_json = file.json("rows");
  const io::JsonArray& rows = io::as_array(rows_json, {io::shown_path(file.where("rows")), "rows"});
  PROXYV_CHECK(!rows.empty(), LoadError, io::shown_path(file.where("rows")), ": wanted at least one row, found none");
  std::vector<RowCase> out;
  for (std::size_t b = 0; b < rows.size(); ++b) {
    RowSlice slice{.row = static_cast<index_t>(b), .rows = static_cast<index_t>(rows.size())};
    ModelCase c = read_model_case(file.at_row(slice), rows[b]);
    const TokenLayout alone = c.layout(c.crops, c.semantics, false);
    c.padded = c.semantics.needs_padding() && (alone.crops() < c.batch_crops || alone.text() < c.batch_text);
    slice.crops = c.batch_crops;
    slice.tokens = c.crops.tokens;
    slice.proxies = c.crops.proxies;
    slice.text = c.batch_text;
    slice.kept_crops = c.padded ? c.batch_crops : alone.crops();
    slice.kept_text = c.padded ? c.batch_text : alone.text();
    out.push_back({file.at_row(slice), std::move(c)});
  }
  return out;
}

bool rounding_changes(const GoldenFile& file, DType type) {
  for (std::size_t i = 0; i < file.source().size(); ++i) {
    const io::TensorEntry entry = file.source().entry(i);
    const bool matrix = entry.shape.size() == 2 && !entry.name.ends_with("proxyv_tokens");
    if (!matrix || !(entry.name.starts_with("model.") || entry.name.starts_with("lm_head."))) continue;
    const std::vector<float> values = file.floats(std::string(entry.name));
    if (std::any_of(values.begin(), values.end(), [type](float x) { return rounding_changes(x, type); }))
      return true;
  }
  return false;
}

void check_layout(const GoldenFile& file, const ModelCase& c, const Tolerance& tolerance, Report& report) {
  report.begin("layout");
  const TokenLayout layout = c.layout(c.crops);
  Semantics by_row = c.semantics;
  by_row.next_token = NextToken::row_last;
  by_row.decode_position = DecodePosition::row;
  const TokenLayout row = c.layout(c.crops, by_row, true);

  const index_t n = layout.rows(), p = layout.proxies(), focus = p + layout.newlines() + layout.text();
  const auto same = [&](const std::string& name, const std::vector<std::int64_t>& found, const Shape& shape) {
    report.same("out." + name, found, file.integers("out." + name, shape));
  };
  same("position_ids", as_int64(layout.positions()), shape_of(1, n));
  same("valid", own_first({{layout.own_vision(), layout.vision()}, {layout.own_newlines(), layout.newlines()}, {layout.own_text(), layout.text()}}),
       shape_of(1, n));
  same("row_next_position", {row.next_position()}, shape_of(1));
  same("row_last_index", {row.last_row()}, shape_of(1));
  if (c.proxies) {
    same("position_ids_proxy", as_int64(layout.focus_positions().first(p)), shape_of(1, p));
    same("valid_proxy", own_first({{layout.own_proxies(), p}}), shape_of(1, p));
  }
  if (file.has("out.allow_regular"))
    same("allow_regular", mask(layout, &TokenLayout::sees, n, n), shape_of(1, n, n));
  if (file.has("out.allow_special") && c.config.study.kind == Study::mask_v2v) {
    std::vector<std::int64_t> found;
    for (index_t q = 0; q < n; ++q)
      for (index_t k = 0; k < n; ++k)
        found.push_back(vision_mask_sees(layout, q, k, c.config.study.keep_self) ? 1 : 0);
    same("allow_special", found, shape_of(1, n, n));
  } else if (file.has("out.allow_special")) {
    const index_t keys = layout.vision() + focus;
    same("allow_special", mask(layout, &TokenLayout::proxy_layer_sees, focus, keys),
         shape_of(1, focus, keys));
  }

  const io::JsonValue rows = file.json("rows");
  const io::JsonFields fields((*rows.array())[static_cast<std::size_t>(file.row())], file.where("rows"));
  if (const io::JsonValue* pool = fields.find("pool"))
    check_pooling(file, io::JsonFields(*pool, file.where("rows"), "pool."), c, tolerance.states, report);
}

}  // namespace golden
