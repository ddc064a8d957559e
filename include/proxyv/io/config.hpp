// CheckpointConfig: what a checkpoint's config.json says, every field checked before anybody uses it.
//
// Plain data; turning it into layers is model's business. Fields that we do not know are ignored,
// fields that ask for something we cannot do are refused by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/dtype.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/io/grid_pinpoints.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/json_fields.hpp"
#include "proxyv/io/rope_config.hpp"
#include "proxyv/io/vision_reduction.hpp"

namespace proxyv::inline v0 {
namespace io {

inline constexpr std::size_t config_max_bytes = 4'000'000;

/// Weight names, their layout and biases of the language model.
enum class Family : std::uint8_t {
  llama,
  qwen2,      ///< with biases of queries, keys and values
  phi3,       ///< queries, keys and values in one tensor; gate and up in another
  internlm2,  ///< names of its own; queries, keys and values in one tensor, head group by head group
};

constexpr std::string_view family_name(Family family) {
  constexpr std::string_view names[] = {"llama", "qwen2", "phi3", "internlm2"};
  return names[static_cast<std::size_t>(family)];
}

namespace detail {

struct Architecture {
  std::string_view name;
  Family family;
};
inline constexpr Architecture architectures[] = {
    {"LlavaLlamaForCausalLM", Family::llama},         {"LlamaForCausalLM", Family::llama},
    {"LlavaQwenForCausalLM", Family::qwen2},          {"Qwen2ForCausalLM", Family::qwen2},
    {"LlavaPhiForCausalLM", Family::phi3},            {"LlavaPhi3ForCausalLM", Family::phi3},
    {"Phi3ForCausalLM", Family::phi3},                {"LlavaInternLM2ForCausalLM", Family::internlm2},
    {"InternLM2ForCausalLM", Family::internlm2},
};

}  // namespace detail

/// The CLIP-style encoder, from the nested object `vision_config`.
struct VisionConfig {
  index_t hidden_size = 0;
  index_t intermediate_size = 0;
  index_t num_hidden_layers = 0;
  index_t num_attention_heads = 0;
  index_t image_size = 0;  ///< pixels per side of a crop
  index_t patch_size = 0;  ///< divides image_size
  bool quick_gelu = true;  ///< hidden_act: quick_gelu, or gelu
  double layer_norm_eps = 1e-5;
  std::vector<double> image_mean{0.48145466, 0.4578275, 0.40821073};
  std::vector<double> image_std{0.26862954, 0.26130258, 0.27577711};

  index_t patches_per_side() const { return image_size / patch_size; }
};

/// `proxyv_study` and what goes with it.
struct StudyConfig {
  std::string kind;             ///< mask_v2v, attn_skip_drop, attn_skip_keep, attn_ffn_skip; empty: none
  bool light_mlp = false;       ///< attn_ffn_skip only
  bool light_mlp_norm = false;  ///< with light_mlp only
  bool keep_self = false;       ///< mask_v2v only
};

struct CheckpointConfig {
  std::string architecture;
  Family family = Family::llama;

  index_t hidden_size = 0;
  index_t intermediate_size = 0;
  index_t num_hidden_layers = 0;
  index_t num_attention_heads = 0;
  index_t num_key_value_heads = 0;  ///< divides num_attention_heads
  index_t head_dim = 0;             ///< even
  index_t vocab_size = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  RopeConfig rope;
  bool tie_word_embeddings = false;
  index_t max_position_embeddings = 0;
  std::optional<TokenId> bos_token_id;
  std::vector<TokenId> eos_token_ids;  ///< may be empty
  std::optional<TokenId> pad_token_id;
  std::optional<DType> torch_dtype;  ///< what the config says; tensors carry their own

  index_t mm_hidden_size = 0;  ///< width of the picture features; 0: a text-only model
  index_t mm_vision_select_layer = -2;
  std::string image_aspect_ratio;
  std::vector<PixelSize> image_grid_pinpoints;  ///< empty: none given
  index_t tokenizer_model_max_length = 0;       ///< 0: no limit given
  index_t max_num_image_crops = 0;              ///< 0: no limit given
  std::optional<VisionConfig> vision;

  bool proxyv = false;
  bool learn_proxy = false;
  index_t per_crop_token_len = 0;    ///< a perfect square; 0: neither given nor known
  index_t crop_side = 0;             ///< its root: vision tokens along one side of a crop
  index_t proxyv_start_layer = 0;    ///< 0 .. num_hidden_layers
  index_t proxyv_reduce_factor = 1;  ///< divides crop_side

  std::vector<VisionReduction> vision_reduction;  ///< empty: every token is kept
  /// One of the paper's studies instead of ProxyV, from proxyv_start_layer on. Our own keys: the reference has none.
  StudyConfig study;

  bool has_pictures() const { return mm_hidden_size > 0; }
  index_t proxies_per_crop() const {
    const index_t side = crop_side / proxyv_reduce_factor;
    return side * side;
  }
  /// Inner width of the vision update and of learned proxies. The reference ignores a
  /// `hidden_size_reduce_factor` in the file. Source: LlavaMetaModel.__init__ in llava_arch.py.
  index_t vision_update_hidden() const { return hidden_size / (hidden_size >= 1024 ? 4 : 2); }
  /// Inner width of a study's light MLP. Source: the paper's count of its parameters.
  index_t light_mlp_hidden() const { return hidden_size / 4; }
};

namespace detail {

class ConfigReader {
 public:
  ConfigReader(const JsonValue& json, const std::string& file) : f_(json, file), file_(file) {}

  CheckpointConfig read() {
    architecture();
    sizes();
    numbers();
    tokens();
    refuse_unknown_features();
    vision();
    pictures();
    proxies();
    c_.vision_reduction = parse_vision_reduction(f_, file_, c_.num_hidden_layers, c_.per_crop_token_len);
    if (!c_.vision_reduction.empty() && c_.proxyv && !c_.learn_proxy)
      refuse(f_.place("vision_reduction"), "null beside spatial proxies, which stand for blocks of a whole crop", f_.find("vision_reduction")->describe());
    study();
    return std::move(c_);
  }

 private:
  void architecture() {
    const JsonPlace place = f_.place("architectures");
    const JsonArray& names = as_array(f_.require("architectures", "an array of one name"), place);
    if (names.size() != 1) refuse(place, "an array of one name", f_.find("architectures")->describe());
    c_.architecture = as_text(names[0], place);
    std::string known;
    for (const Architecture& a : architectures) {
      if (a.name == c_.architecture) {
        c_.family = a.family;
        return;
      }
      known.append(known.empty() ? "" : ", ").append(a.name);
    }
    ::proxyv::detail::fail(
        LoadError(place.file + ": architectures: unknown architecture " + in_quotes(c_.architecture) + "; known: " + known));
  }

  void sizes() {
    c_.hidden_size = f_.index("hidden_size", 1, 65536);
    c_.intermediate_size = f_.index("intermediate_size", 1, 1 << 20);
    c_.num_hidden_layers = f_.index("num_hidden_layers", 1, 1024);
    c_.num_attention_heads = f_.index("num_attention_heads", 1, 1024);
    c_.num_key_value_heads =
        f_.index_or("num_key_value_heads", c_.num_attention_heads, 1, c_.num_attention_heads);
    if (c_.num_attention_heads % c_.num_key_value_heads != 0) {
      refuse(f_.place("num_key_value_heads"),
             "a divisor of num_attention_heads = " + std::to_string(c_.num_attention_heads),
             std::to_string(c_.num_key_value_heads));
    }
    if (f_.find("head_dim") == nullptr && c_.hidden_size % c_.num_attention_heads != 0) {
      refuse(f_.place("num_attention_heads"), "a divisor of hidden_size = " + std::to_string(c_.hidden_size),
             std::to_string(c_.num_attention_heads));
    }
    c_.head_dim = f_.index_or("head_dim", c_.hidden_size / c_.num_attention_heads, 1, 4096);
    if (c_.head_dim % 2 != 0) refuse(f_.place("head_dim"), "an even head size", std::to_string(c_.head_dim));
    c_.vocab_size = f_.index("vocab_size", 1, 1 << 24);
    constexpr index_t usual_positions[] = {2048, 32768, 4096, 2048};  // of each Family, as its own code has it
    const index_t positions = usual_positions[static_cast<std::size_t>(c_.family)];
    c_.max_position_embeddings = f_.index_or("max_position_embeddings", positions, 1, 1 << 30);
  }

  void numbers() {
    c_.rms_norm_eps = f_.number_or("rms_norm_eps", 1e-6, 1e-30, 0.999);
    rope();
    c_.tie_word_embeddings = f_.flag_or("tie_word_embeddings", false);
    const char* key = f_.find("torch_dtype") != nullptr ? "torch_dtype" : "dtype";
    const std::string type = f_.text_or(key, "");
    if (type == "float32") c_.torch_dtype = DType::f32;
    else if (type == "float16") c_.torch_dtype = DType::f16;
    else if (type == "bfloat16") c_.torch_dtype = DType::bf16;
    else if (!type.empty()) refuse(f_.place(key), "float32, float16 or bfloat16", in_quotes(type));
  }

  /// Newer files keep all of it in rope_parameters.
  void rope() {
    c_.rope_theta = f_.number_or("rope_theta", 10000.0, 1.0, 1e12);
    const char* key = f_.find("rope_scaling") != nullptr ? "rope_scaling" : "rope_parameters";
    if (f_.number_or("partial_rotary_factor", 1.0, 0.0, 1.0) != 1.0)
      refuse(f_.place("partial_rotary_factor"), "1 (not supported)", f_.find("partial_rotary_factor")->describe());
    const JsonValue* nested = f_.find(key);
    if (nested == nullptr) return;
    const JsonFields scaling(*nested, file_, std::string(key) + ".");
    c_.rope_theta = scaling.number_or("rope_theta", c_.rope_theta, 1.0, 1e12);
    c_.rope = read_rope(scaling, f_, c_.head_dim, c_.max_position_embeddings);
  }

  TokenId token(const JsonValue& value, std::string_view key) {
    return static_cast<TokenId>(as_index(value, f_.place(key), 0, c_.vocab_size - 1));
  }
  void tokens() {
    if (const JsonValue* value = f_.find("bos_token_id")) c_.bos_token_id = token(*value, "bos_token_id");
    if (const JsonValue* value = f_.find("pad_token_id")) c_.pad_token_id = token(*value, "pad_token_id");
    const JsonValue* eos = f_.find("eos_token_id");
    if (eos == nullptr) return;
    if (eos->array() == nullptr) {
      c_.eos_token_ids.push_back(token(*eos, "eos_token_id"));
      return;
    }
    if (eos->array()->size() > 64) refuse(f_.place("eos_token_id"), "at most 64 tokens", eos->describe());
    for (const JsonValue& value : *eos->array()) c_.eos_token_ids.push_back(token(value, "eos_token_id"));
  }

  void refuse_unknown_features() {
    f_.absent("quantization_config");
    f_.only("hidden_act", "silu");
    f_.never("attention_bias");
    f_.never("mlp_bias");
    f_.never("bias");
    f_.never("use_sliding_window");
    f_.never("mm_use_im_start_end");
    f_.only("mm_vision_select_feature", "patch");
  }

  void vision() {
    const JsonValue* nested = f_.find("vision_config");
    if (nested == nullptr) return named_tower();
    const JsonFields v(*nested, file_, "vision_config.");
    VisionConfig out;
    out.hidden_size = v.index("hidden_size", 1, 65536);
    out.intermediate_size = v.index("intermediate_size", 1, 1 << 20);
    out.num_hidden_layers = v.index("num_hidden_layers", 1, 1024);
    out.num_attention_heads = v.index("num_attention_heads", 1, 1024);
    if (out.hidden_size % out.num_attention_heads != 0) {
      refuse(v.place("num_attention_heads"), "a divisor of hidden_size = " + std::to_string(out.hidden_size),
             std::to_string(out.num_attention_heads));
    }
    out.image_size = v.index("image_size", 1, 4096);
    out.patch_size = v.index("patch_size", 1, out.image_size);
    if (out.image_size % out.patch_size != 0) {
      refuse(v.place("patch_size"), "a divisor of image_size = " + std::to_string(out.image_size),
             std::to_string(out.patch_size));
    }
    const std::string act = v.text_or("hidden_act", "quick_gelu");
    if (act != "quick_gelu" && act != "gelu")
      refuse(v.place("hidden_act"), "quick_gelu or gelu", in_quotes(act));
    out.quick_gelu = act == "quick_gelu";
    out.layer_norm_eps = v.number_or("layer_norm_eps", 1e-5, 1e-30, 0.999);
    channels(v, "image_mean", -1e3, out.image_mean);
    channels(v, "image_std", 1e-6, out.image_std);
    c_.vision = std::move(out);
  }
  /// Reference checkpoints only name their encoder; the one they all use is known here.
  void named_tower() {
    const std::string name = f_.text_or("mm_vision_tower", "");
    if (!name.ends_with("clip-vit-large-patch14-336")) return;
    VisionConfig clip;
    clip.hidden_size = 1024;
    clip.intermediate_size = 4096;
    clip.num_hidden_layers = 24;
    clip.num_attention_heads = 16;
    clip.image_size = 336;
    clip.patch_size = 14;
    c_.vision = std::move(clip);
  }
  static void channels(const JsonFields& fields, std::string_view key, double min, std::vector<double>& out) {
    const JsonValue* value = fields.find(key);
    if (value == nullptr) return;
    const JsonPlace place = fields.place(key);
    const JsonArray& items = as_array(*value, place);
    if (items.size() != 3) refuse(place, "three numbers", value->describe());
    for (std::size_t i = 0; i < 3; ++i) out[i] = as_double(items[i], place, min, 1e3);
  }

  void pictures() {
    c_.mm_hidden_size = f_.index_or("mm_hidden_size", c_.vision ? c_.vision->hidden_size : 0, 1, 65536);
    if (c_.vision && c_.mm_hidden_size != c_.vision->hidden_size) {
      refuse(f_.place("mm_hidden_size"),
             "vision_config.hidden_size = " + std::to_string(c_.vision->hidden_size),
             std::to_string(c_.mm_hidden_size));
    }
    if (c_.has_pictures()) f_.require("mm_projector_type", "\"mlp2x_gelu\"");
    f_.only("mm_projector_type", "mlp2x_gelu");
    // Feature k of the encoder is the input of block k; -1 is the output of the last one.
    const index_t layers = c_.vision ? c_.vision->num_hidden_layers : 1024;
    c_.mm_vision_select_layer = f_.index_or("mm_vision_select_layer", -2, -layers - 1, layers);
    c_.image_aspect_ratio = f_.text_or("image_aspect_ratio", "");
    c_.tokenizer_model_max_length = f_.index_or("tokenizer_model_max_length", 0, 1, 1 << 30);
    c_.max_num_image_crops = f_.index_or("max_num_image_crops", 0, 1, 1 << 16);
    if (const JsonValue* pinpoints = f_.find("image_grid_pinpoints")) {
      // A config without vision_config names a tower elsewhere; the reference's is CLIP at 336.
      const index_t crop = c_.vision ? c_.vision->image_size : 336;
      c_.image_grid_pinpoints = parse_grid_pinpoints(*pinpoints, crop, f_.place("image_grid_pinpoints"));
    }
  }

  void proxies() {
    c_.proxyv = f_.flag_or("proxyv", false);
    c_.learn_proxy = f_.flag_or("learn_proxy", false);
    const index_t patches = c_.vision ? c_.vision->patches_per_side() * c_.vision->patches_per_side() : 0;
    c_.per_crop_token_len = f_.index_or("per_crop_token_len", patches, 1, 1 << 24);
    while (c_.crop_side * c_.crop_side < c_.per_crop_token_len) ++c_.crop_side;  // at most 4096 steps
    const index_t side = c_.crop_side;
    if (side * side != c_.per_crop_token_len) {
      refuse(f_.place("per_crop_token_len"), "a perfect square", std::to_string(c_.per_crop_token_len));
    }
    if (c_.vision && c_.per_crop_token_len != patches) {
      refuse(f_.place("per_crop_token_len"), std::to_string(patches) + " (patches of vision_config)",
             std::to_string(c_.per_crop_token_len));
    }
    if (c_.proxyv) {
      f_.require("proxyv_start_layer", "an integer");
      f_.require("proxyv_reduce_factor", "an integer");
      if (side == 0) refuse(f_.place("per_crop_token_len"), "an integer", "nothing");
    }
    c_.proxyv_start_layer = f_.index_or("proxyv_start_layer", 0, 0, c_.num_hidden_layers);
    c_.proxyv_reduce_factor = f_.index_or("proxyv_reduce_factor", 1, 1, side > 0 ? side : 4096);
    if (side % c_.proxyv_reduce_factor != 0) {
      refuse(f_.place("proxyv_reduce_factor"), "a divisor of the crop's side, " + std::to_string(side),
             std::to_string(c_.proxyv_reduce_factor));
    }
  }

  void study() {
    StudyConfig& s = c_.study;
    s.kind = f_.text_or("proxyv_study", "");
    s.light_mlp = f_.flag_or("light_mlp", false);
    s.light_mlp_norm = f_.flag_or("light_mlp_post_norm", false);
    s.keep_self = f_.flag_or("mask_keep_self", false);
    const auto goes_with = [&](const char* key, bool asked, bool fits, const char* wanted) {
      if (asked && !fits) refuse(f_.place(key), wanted, "true");
    };
    goes_with("light_mlp", s.light_mlp, s.kind == "attn_ffn_skip", "false unless proxyv_study is attn_ffn_skip");
    goes_with("light_mlp_post_norm", s.light_mlp_norm, s.light_mlp, "false unless light_mlp is true");
    if (s.kind.empty()) return;
    const bool known = s.kind == "mask_v2v" || s.kind == "attn_skip_drop" || s.kind == "attn_skip_keep" || s.kind == "attn_ffn_skip";
    if (!known) refuse(f_.place("proxyv_study"), "mask_v2v, attn_skip_drop, attn_skip_keep or attn_ffn_skip", in_quotes(s.kind));
    goes_with("proxyv", c_.proxyv, false, "false beside proxyv_study");
    f_.require("proxyv_start_layer", "an integer");
    if (c_.crop_side == 0) refuse(f_.place("per_crop_token_len"), "an integer", "nothing");
  }

  JsonFields f_;
  std::string file_;
  CheckpointConfig c_;
};

}  // namespace detail

/// The config in a parsed document; `file` is named in messages. Throws LoadError
/// "<file>: <key>: wanted ..., found ...".
inline CheckpointConfig parse_config(const JsonValue& json, const std::string& file) {
  return detail::ConfigReader(json, file).read();
}

/// Reads config.json of at most 4 MB.
inline CheckpointConfig read_config(const std::string& path) {
  return parse_config(read_json(path, config_max_bytes), path);
}

}  // namespace io
}  // namespace proxyv::inline v0
