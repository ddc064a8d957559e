#include "proxyv/io/config.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::message;

namespace {

const std::string base =
    R"("architectures":["LlavaLlamaForCausalLM"],"hidden_size":64,"intermediate_size":128,)"
    R"("num_hidden_layers":4,"num_attention_heads":4,"vocab_size":96)";
const std::string vision =
    R"(,"mm_projector_type":"mlp2x_gelu","vision_config":{"hidden_size":32,"intermediate_size":64,)"
    R"("num_hidden_layers":3,"num_attention_heads":2,"image_size":48,"patch_size":4)";

io::CheckpointConfig parse(const std::string& members) {
  return io::parse_config(io::parse_json("{" + members + "}", "c"), "c");
}

std::string refusal(const std::string& members) {
  return message([&] { parse(members); });
}

/// The base with one member replaced, or removed when the value is empty.
std::string with(const std::string& key, const std::string& value) {
  std::string out;
  for (const auto& [k, v] :
       std::vector<std::pair<std::string, std::string>>{{"architectures", "[\"LlamaForCausalLM\"]"},
                                                        {"hidden_size", "64"},
                                                        {"intermediate_size", "128"},
                                                        {"num_hidden_layers", "4"},
                                                        {"num_attention_heads", "4"},
                                                        {"vocab_size", "96"},
                                                        {"", ""}}) {
    const std::string& text = k == key ? value : v;
    if (!k.empty() && !text.empty()) out += "\"" + k + "\":" + text + ",";
  }
  out.pop_back();
  return out;
}

std::string replaced(const std::string& key, const std::string& value) { return refusal(with(key, value)); }

std::string added(const std::string& member) { return refusal(base + "," + member); }

}  // namespace

TEST_CASE("a small config gets the usual defaults") {
  const auto c = parse(base);
  CHECK(c.architecture == "LlavaLlamaForCausalLM");
  CHECK(c.family == io::Family::llama);
  CHECK(c.hidden_size == 64);
  CHECK(c.intermediate_size == 128);
  CHECK(c.num_hidden_layers == 4);
  CHECK(c.num_attention_heads == 4);
  CHECK(c.num_key_value_heads == 4);
  CHECK(c.head_dim == 16);
  CHECK(c.vocab_size == 96);
  CHECK(c.rms_norm_eps == 1e-6);
  CHECK(c.rope_theta == 10000.0);
  CHECK_FALSE(c.tie_word_embeddings);
  CHECK(c.max_position_embeddings == 2048);
  CHECK_FALSE(c.bos_token_id.has_value());
  CHECK(c.eos_token_ids.empty());
  CHECK_FALSE(c.pad_token_id.has_value());
  CHECK_FALSE(c.torch_dtype.has_value());
  CHECK_FALSE(c.has_pictures());
  CHECK_FALSE(c.vision.has_value());
  CHECK(c.mm_vision_select_layer == -2);
  CHECK(c.image_grid_pinpoints.empty());
  CHECK(c.tokenizer_model_max_length == 0);
  CHECK(c.max_num_image_crops == 0);
  CHECK_FALSE(c.proxyv);
  CHECK(c.per_crop_token_len == 0);
  CHECK(c.proxies_per_crop() == 0);
  CHECK(c.vision_update_hidden() == 32);
}

TEST_CASE("a whole config is read") {
  const auto c =
      parse(R"json("architectures":["LlavaQwenForCausalLM"],"hidden_size":3584,"intermediate_size":18944,
      "num_hidden_layers":28,"num_attention_heads":28,"num_key_value_heads":4,"head_dim":128,"vocab_size":152064,
      "rms_norm_eps":1e-5,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":true,"hidden_act":"silu",
      "max_position_embeddings":32768,"bos_token_id":151643,"eos_token_id":[151645,151643],"pad_token_id":null,
      "torch_dtype":"bfloat16","use_sliding_window":false,"sliding_window":131072,"model_type":"llava_qwen",
      "mm_hidden_size":1024,"mm_projector_type":"mlp2x_gelu","mm_vision_select_layer":-3,
      "mm_vision_select_feature":"patch","image_aspect_ratio":"anyres","image_grid_pinpoints":"(1x1),...,(2x2)",
      "tokenizer_model_max_length":8192,"max_num_image_crops":5,"per_crop_token_len":576,"proxyv":true,
      "proxyv_start_layer":16,"proxyv_reduce_factor":4,"learn_proxy":true,"hidden_size_reduce_factor":7,
      "vision_config":{"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,
        "image_size":336,"patch_size":14,"hidden_act":"gelu","layer_norm_eps":1e-6,"projection_dim":768,
        "image_mean":[0.5,0,1],"image_std":[1,0.5,0.25]})json");
  CHECK(c.family == io::Family::qwen2);
  CHECK(io::family_name(c.family) == "qwen2");
  CHECK(c.num_key_value_heads == 4);
  CHECK(c.head_dim == 128);
  CHECK(c.rms_norm_eps == 1e-5);
  CHECK(c.rope_theta == 1e6);
  CHECK(c.tie_word_embeddings);
  CHECK(c.max_position_embeddings == 32768);
  CHECK(c.bos_token_id == 151643);
  CHECK(c.eos_token_ids == std::vector<proxyv::TokenId>{151645, 151643});
  CHECK_FALSE(c.pad_token_id.has_value());
  CHECK(c.torch_dtype == proxyv::DType::bf16);
  CHECK(c.has_pictures());
  CHECK(c.mm_hidden_size == 1024);
  CHECK(c.mm_vision_select_layer == -3);
  CHECK(c.image_aspect_ratio == "anyres");
  CHECK(c.image_grid_pinpoints == std::vector<io::PixelSize>{{336, 336}, {336, 672}, {672, 336}, {672, 672}});
  CHECK(c.tokenizer_model_max_length == 8192);
  CHECK(c.max_num_image_crops == 5);
  CHECK(c.proxyv);
  CHECK(c.learn_proxy);
  CHECK(c.per_crop_token_len == 576);
  CHECK(c.crop_side == 24);
  CHECK(c.proxyv_start_layer == 16);
  CHECK(c.proxyv_reduce_factor == 4);
  CHECK(c.proxies_per_crop() == 36);
  CHECK(c.vision_update_hidden() == 896);
  REQUIRE(c.vision.has_value());
  CHECK(c.vision->hidden_size == 1024);
  CHECK(c.vision->intermediate_size == 4096);
  CHECK(c.vision->num_hidden_layers == 24);
  CHECK(c.vision->num_attention_heads == 16);
  CHECK(c.vision->patches_per_side() == 24);
  CHECK_FALSE(c.vision->quick_gelu);
  CHECK(c.vision->layer_norm_eps == 1e-6);
  CHECK(c.vision->image_mean == std::vector<double>{0.5, 0, 1});
  CHECK(c.vision->image_std == std::vector<double>{1, 0.5, 0.25});
}

TEST_CASE("the reference's vision tower is known by its name") {
  const std::string projector = R"(,"mm_projector_type":"mlp2x_gelu","mm_hidden_size":1024)";
  const auto c = parse(base + projector + R"(,"mm_vision_tower":"openai/clip-vit-large-patch14-336")");
  REQUIRE(c.vision.has_value());
  CHECK(c.vision->num_hidden_layers == 24);
  CHECK(c.vision->patches_per_side() == 24);
  CHECK_FALSE(parse(base + projector + R"(,"mm_vision_tower":"somebody/else")").vision.has_value());
}

TEST_CASE("what vision_config says need not be said twice") {
  const auto c = parse(base + vision + "}");
  CHECK(c.mm_hidden_size == 32);
  CHECK(c.per_crop_token_len == 144);
  CHECK(c.crop_side == 12);
  CHECK(c.vision->quick_gelu);
  CHECK(c.vision->image_mean[0] == 0.48145466);
}

TEST_CASE("architectures are known by name") {
  CHECK(parse(with("architectures", "[\"Qwen2ForCausalLM\"]")).family == io::Family::qwen2);
  CHECK(parse(with("architectures", "[\"LlamaForCausalLM\"]")).family == io::Family::llama);
  const auto phi3 = parse(with("architectures", "[\"LlavaPhiForCausalLM\"]"));
  CHECK(phi3.family == io::Family::phi3);
  CHECK(io::family_name(phi3.family) == "phi3");
  CHECK(phi3.max_position_embeddings == 4096);
  CHECK(parse(with("architectures", "[\"Phi3ForCausalLM\"]")).family == io::Family::phi3);
  CHECK(parse(with("architectures", "[\"InternLM2ForCausalLM\"]")).family == io::Family::internlm2);
  CHECK(replaced("architectures", "[\"LlavaPhi3\\u0007\"]") ==
        "c: architectures: unknown architecture \"LlavaPhi3\\x07\"; known: LlavaLlamaForCausalLM, "
        "LlamaForCausalLM, "
        "LlavaQwenForCausalLM, Qwen2ForCausalLM, LlavaPhiForCausalLM, LlavaPhi3ForCausalLM, Phi3ForCausalLM, "
        "LlavaInternLM2ForCausalLM, InternLM2ForCausalLM");
  CHECK(replaced("architectures", "") == "c: architectures: wanted an array of one name, found nothing");
  CHECK(replaced("architectures", "[]") ==
        "c: architectures: wanted an array of one name, found an array of 0");
  CHECK(replaced("architectures", "\"LlamaForCausalLM\"") ==
        "c: architectures: wanted an array, found \"LlamaForCausalLM\"");
  CHECK(replaced("architectures", "[7]") == "c: architectures: wanted a string, found 7");
}

TEST_CASE("sizes are in range before anything is divided or allocated") {
  for (const std::string key :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size"}) {
    CHECK(replaced(key, "") == "c: " + key + ": wanted an integer, found nothing");
    for (const std::string value :
         {"0", "-1", "1000000000", "4294967300", "18446744073709551615", "2.5", "\"64\"", "true"}) {
      CHECK_THAT(replaced(key, value), ContainsSubstring("c: " + key + ": wanted an integer in [1, "));
      CHECK_THAT(replaced(key, value), ContainsSubstring("found " + value));
    }
  }
  CHECK(replaced("num_hidden_layers", "1025") ==
        "c: num_hidden_layers: wanted an integer in [1, 1024], found 1025");
  CHECK(replaced("num_attention_heads", "3") ==
        "c: num_attention_heads: wanted a divisor of hidden_size = 64, found 3");
  CHECK(replaced("num_attention_heads", "64") == "c: head_dim: wanted an even head size, found 1");
  CHECK(added("\"num_key_value_heads\":3") ==
        "c: num_key_value_heads: wanted a divisor of num_attention_heads = 4, found 3");
  CHECK(added("\"num_key_value_heads\":0") == "c: num_key_value_heads: wanted an integer in [1, 4], found 0");
  CHECK(added("\"num_key_value_heads\":8") == "c: num_key_value_heads: wanted an integer in [1, 4], found 8");
  CHECK(added("\"head_dim\":15") == "c: head_dim: wanted an even head size, found 15");
  CHECK(added("\"head_dim\":0") == "c: head_dim: wanted an integer in [1, 4096], found 0");
  CHECK(parse(with("num_attention_heads", "3") + ",\"head_dim\":32").head_dim == 32);
  CHECK(
      added("\"max_position_embeddings\":0").find("c: max_position_embeddings: wanted an integer in [1, ") ==
      0);
}

TEST_CASE("numbers and tokens are in range") {
  CHECK(added("\"rms_norm_eps\":0") == "c: rms_norm_eps: wanted a number in [1e-30, 0.999], found 0");
  CHECK(added("\"rms_norm_eps\":1").find("c: rms_norm_eps: wanted a number in") == 0);
  CHECK(added("\"rms_norm_eps\":\"1e-5\"").find("found \"1e-5\"") != std::string::npos);
  CHECK(added("\"rope_theta\":0.5") == "c: rope_theta: wanted a number in [1, 1e+12], found 0.5");
  CHECK(added("\"rope_theta\":-1").find("found -1") != std::string::npos);
  CHECK(added("\"bos_token_id\":96") == "c: bos_token_id: wanted an integer in [0, 95], found 96");
  CHECK(added("\"pad_token_id\":-1") == "c: pad_token_id: wanted an integer in [0, 95], found -1");
  CHECK(added("\"eos_token_id\":[2,96]") == "c: eos_token_id: wanted an integer in [0, 95], found 96");
  CHECK(added("\"eos_token_id\":\"</s>\"").find("c: eos_token_id: wanted an integer in [0, 95]") == 0);
  std::string many = "0";
  for (int i = 0; i < 64; ++i) many += ",0";
  CHECK(added("\"eos_token_id\":[" + many + "]") ==
        "c: eos_token_id: wanted at most 64 tokens, found an array of 65");
  CHECK(parse(base + ",\"eos_token_id\":2").eos_token_ids == std::vector<proxyv::TokenId>{2});
  CHECK(parse(base + ",\"torch_dtype\":\"float16\"").torch_dtype == proxyv::DType::f16);
  CHECK(parse(base + ",\"dtype\":\"float32\"").torch_dtype == proxyv::DType::f32);
  CHECK(added("\"torch_dtype\":\"int8\"") ==
        "c: torch_dtype: wanted float32, float16 or bfloat16, found \"int8\"");
}

TEST_CASE("rotary embedding may be stretched, and newer files keep its numbers together") {
  const auto old = parse(base + R"(,"rope_theta":500000,"rope_scaling":{"type":"linear","factor":2})");
  CHECK(old.rope.type == io::RopeType::linear);
  CHECK(old.rope_theta == 500000.0);
  const auto newer = parse(base + R"(,"rope_parameters":{"rope_type":"default","rope_theta":500000})");
  CHECK(newer.rope.type == io::RopeType::plain);
  CHECK(newer.rope_theta == 500000.0);
  CHECK(parse(base).rope.type == io::RopeType::plain);
}

TEST_CASE("what we cannot do is refused by name") {
  CHECK(added("\"rope_scaling\":{\"type\":\"linear\"}") == "c: rope_scaling.factor: wanted a number, found nothing");
  CHECK(added("\"rope_scaling\":7") == "c: rope_scaling: wanted an object, found 7");
  CHECK(added("\"partial_rotary_factor\":0.5") == "c: partial_rotary_factor: wanted 1 (not supported), found 0.5");
  CHECK(added("\"bias\":true") == "c: bias: wanted false (not supported), found true");
  CHECK(added("\"quantization_config\":{}") ==
        "c: quantization_config: wanted null (not supported), found an object of 0");
  CHECK(added("\"hidden_act\":\"gelu\"") == "c: hidden_act: wanted \"silu\", found \"gelu\"");
  CHECK(added("\"attention_bias\":true") == "c: attention_bias: wanted false (not supported), found true");
  CHECK(added("\"mlp_bias\":true") == "c: mlp_bias: wanted false (not supported), found true");
  CHECK(added("\"use_sliding_window\":true") ==
        "c: use_sliding_window: wanted false (not supported), found true");
  CHECK(added("\"mm_use_im_start_end\":true") ==
        "c: mm_use_im_start_end: wanted false (not supported), found true");
  CHECK(added("\"mm_vision_select_feature\":\"cls_patch\"") ==
        "c: mm_vision_select_feature: wanted \"patch\", found \"cls_patch\"");
  CHECK(added("\"mm_projector_type\":\"linear\"") ==
        "c: mm_projector_type: wanted \"mlp2x_gelu\", found \"linear\"");
  CHECK(added("\"mm_hidden_size\":32") == "c: mm_projector_type: wanted \"mlp2x_gelu\", found nothing");
}

TEST_CASE("the encoder's config is checked likewise") {
  const auto nested = [](const std::string& member) { return refusal(base + vision + "," + member + "}"); };
  CHECK(added("\"vision_config\":7") == "c: vision_config: wanted an object, found 7");
  CHECK(added("\"vision_config\":{}") == "c: vision_config.hidden_size: wanted an integer, found nothing");
  CHECK(nested("\"hidden_act\":\"relu\"") ==
        "c: vision_config.hidden_act: wanted quick_gelu or gelu, found \"relu\"");
  CHECK(nested("\"layer_norm_eps\":2").find("c: vision_config.layer_norm_eps: wanted a number in") == 0);
  CHECK(nested("\"image_mean\":[1,2]") ==
        "c: vision_config.image_mean: wanted three numbers, found an array of 2");
  CHECK(nested("\"image_mean\":[1,2,\"3\"]") ==
        "c: vision_config.image_mean: wanted a number in [-1000, 1000], found \"3\"");
  CHECK(nested("\"image_std\":[1,2,0]") ==
        "c: vision_config.image_std: wanted a number in [1e-06, 1000], found 0");
  CHECK(nested("\"hidden_size\":31") == "c: JSON: key \"hidden_size\": wanted once, found twice");
  const auto swapped = [](std::string text, const std::string& from, const std::string& to) {
    return refusal(base + text.replace(text.find(from), from.size(), to) + "}");
  };
  CHECK(swapped(vision, "\"patch_size\":4", "\"patch_size\":5") ==
        "c: vision_config.patch_size: wanted a divisor of image_size = 48, found 5");
  CHECK(swapped(vision, "\"patch_size\":4", "\"patch_size\":0") ==
        "c: vision_config.patch_size: wanted an integer in [1, 48], found 0");
  CHECK(swapped(vision, "\"num_attention_heads\":2", "\"num_attention_heads\":3") ==
        "c: vision_config.num_attention_heads: wanted a divisor of hidden_size = 32, found 3");
  CHECK(refusal(base + vision + "},\"mm_hidden_size\":64") ==
        "c: mm_hidden_size: wanted vision_config.hidden_size = 32, found 64");
  CHECK(refusal(base + vision + "},\"mm_vision_select_layer\":-5") ==
        "c: mm_vision_select_layer: wanted an integer in [-4, 3], found -5");
  CHECK(refusal(base + vision + "},\"per_crop_token_len\":576") ==
        "c: per_crop_token_len: wanted 144 (patches of vision_config), found 576");
}

TEST_CASE("proxies fit the crop and the depth") {
  const std::string on =
      R"(,"proxyv":true,"proxyv_start_layer":1,"proxyv_reduce_factor":4,"per_crop_token_len":144)";
  CHECK(parse(base + on).proxies_per_crop() == 9);
  CHECK(refusal(base + R"(,"proxyv":true,"proxyv_reduce_factor":4,"per_crop_token_len":144)") ==
        "c: proxyv_start_layer: wanted an integer, found nothing");
  CHECK(refusal(base + R"(,"proxyv":true,"proxyv_start_layer":1,"per_crop_token_len":144)") ==
        "c: proxyv_reduce_factor: wanted an integer, found nothing");
  CHECK(refusal(base + R"(,"proxyv":true,"proxyv_start_layer":1,"proxyv_reduce_factor":4)") ==
        "c: per_crop_token_len: wanted an integer, found nothing");
  CHECK(added("\"per_crop_token_len\":143") == "c: per_crop_token_len: wanted a perfect square, found 143");
  CHECK(added("\"per_crop_token_len\":0").find("c: per_crop_token_len: wanted an integer in [1, ") == 0);
  CHECK(added("\"per_crop_token_len\":1000000000").find("c: per_crop_token_len: wanted an integer in [1, ") ==
        0);
  CHECK(added(R"("per_crop_token_len":144,"proxyv_reduce_factor":5)") ==
        "c: proxyv_reduce_factor: wanted a divisor of the crop's side, 12, found 5");
  CHECK(added(R"("per_crop_token_len":144,"proxyv_reduce_factor":0)") ==
        "c: proxyv_reduce_factor: wanted an integer in [1, 12], found 0");
  CHECK(added(R"("per_crop_token_len":144,"proxyv_reduce_factor":24)") ==
        "c: proxyv_reduce_factor: wanted an integer in [1, 12], found 24");
  CHECK(added("\"proxyv_start_layer\":5") == "c: proxyv_start_layer: wanted an integer in [0, 4], found 5");
  CHECK(parse(base + ",\"proxyv_start_layer\":4").proxyv_start_layer == 4);
  CHECK(added("\"proxyv\":1") == "c: proxyv: wanted true or false, found 1");
  CHECK(added("\"max_num_image_crops\":0").find("c: max_num_image_crops: wanted an integer in [1, ") == 0);
  CHECK(
      added("\"image_grid_pinpoints\":\"[(1,)]\"").find("c: image_grid_pinpoints: wanted a list of pairs") ==
      0);
}

TEST_CASE("wide models update vision tokens in a quarter") {
  CHECK(parse(with("hidden_size", "1024")).vision_update_hidden() == 256);
  CHECK(parse(with("hidden_size", "1016")).vision_update_hidden() == 508);
}

TEST_CASE("a config file is named in messages") {
  const files::Folder folder;
  CHECK(io::read_config(folder.write("config.json", "{" + base + "}")).hidden_size == 64);
  const std::string path = folder.write("config.json", "[]");
  CHECK(message([&] { io::read_config(path); }) == path + ": JSON: wanted an object, found an array of 0");
  CHECK(message([&] { io::read_config(folder.file("none")); }) ==
        folder.file("none") + ": cannot open: No such file or directory");
}

TEST_CASE("a study has a start layer and only what goes with it") {
  const std::string on = R"(,"per_crop_token_len":144,"proxyv_start_layer":1,"proxyv_study":)";
  CHECK(parse(base).study.kind.empty());
  const io::StudyConfig masked = parse(base + on + "\"mask_v2v\"").study;
  CHECK(masked.kind == "mask_v2v");
  CHECK_FALSE(masked.keep_self);
  CHECK(parse(base + on + R"("mask_v2v","mask_keep_self":true)").study.keep_self);
  for (const std::string kind : {"attn_skip_drop", "attn_skip_keep", "attn_ffn_skip"})
    CHECK(parse(base + on + "\"" + kind + "\"").study.kind == kind);
  const io::StudyConfig light = parse(base + on + R"("attn_ffn_skip","light_mlp":true,"light_mlp_post_norm":true)").study;
  CHECK((light.light_mlp && light.light_mlp_norm));
  CHECK(parse(base + on + "\"attn_ffn_skip\"").light_mlp_hidden() == parse(base).hidden_size / 4);

  CHECK(refusal(base + on + "\"attn\"") ==
        "c: proxyv_study: wanted mask_v2v, attn_skip_drop, attn_skip_keep or attn_ffn_skip, found \"attn\"");
  CHECK(refusal(base + on + R"("mask_v2v","light_mlp":true)") ==
        "c: light_mlp: wanted false unless proxyv_study is attn_ffn_skip, found true");
  CHECK(refusal(base + on + R"("attn_ffn_skip","light_mlp_post_norm":true)") ==
        "c: light_mlp_post_norm: wanted false unless light_mlp is true, found true");
  CHECK(refusal(base + on + R"("mask_v2v","proxyv":true,"proxyv_reduce_factor":4)") ==
        "c: proxyv: wanted false beside proxyv_study, found true");
  CHECK(refusal(base + R"(,"per_crop_token_len":144,"proxyv_study":"mask_v2v")") ==
        "c: proxyv_start_layer: wanted an integer, found nothing");
  CHECK(refusal(base + R"(,"proxyv_start_layer":1,"proxyv_study":"mask_v2v")") ==
        "c: per_crop_token_len: wanted an integer, found nothing");
}
