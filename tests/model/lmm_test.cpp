// Lmm: the receipts checkpoints, loaded and looked at. What they answer is the receipts' own exam.
#include "proxyv/model/lmm.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "io/files.hpp"
#include "proxyv/eigen/backend.hpp"
#include "support/catch.hpp"

namespace {

using namespace proxyv;
using B = EigenBackend;

std::string receipts(const char* variant) { return std::string(PROXYV_SOURCE_DIR) + "/examples/receipts/" + variant; }

/// Grey stripes, 192 x 192: five crops.
Image stripes() {
  Image image(192, 192);
  for (index_t y = 0; y < 192; ++y) {
    for (index_t x = 0; x < 192; ++x) {
      const auto grey = static_cast<std::uint8_t>((x * 5 + y * 3) % 256);
      image.set(x, y, {grey, grey, grey});
    }
  }
  return image;
}

std::vector<float> logits_of(const Lmm<B>& model) {
  return model.visit([&](const auto& decoder) {
    const std::vector<TokenId> ids{1, image_token, 3};
    const ImageSlot slot{5};
    const TokenLayout layout({ids.data(), 3}, {&slot, 1}, model.crop_shape());
    B be({.workspace_bytes = std::max(model.plan_encode(5).workspace, workspace_bytes(decoder, layout))});
    const auto picture = model.encode(be, stripes());
    Session session(be, decoder, layout.rows() + 1);
    session.start({layout, picture.tokens()});
    const auto row = session.logits();
    return std::vector<float>(row.data(), row.data() + row.cols());
  });
}

}  // namespace

TEST_CASE("config.json decides which decoder a checkpoint is") {
  B be({});
  const Lmm<B> plain(be, receipts("baseline")), proxy(be, receipts("proxyv"));
  CHECK(plain.config().proxy_start == plain.config().layers);
  CHECK(proxy.config().proxy_start == 3);
  CHECK(proxy.config().crop_side == 12);
  CHECK(plain.visit([](const auto& d) { return d.crop_shape().proxies; }) == 0);
  CHECK(proxy.visit([](const auto& d) { return d.crop_shape().proxies; }) == proxies_per_crop(proxy.config()));
  CHECK(proxy.count_crops(192, 192) == 5);
  CHECK(proxy.count_crops(100, 300) == 4);
  CHECK(proxy.plan_encode(5).flops() > 0.9e9);
}

TEST_CASE("a ProxyV checkpoint runs plain on request, a plain one never as ProxyV") {
  B be({});
  const Lmm<B> plain(be, receipts("proxyv"), {.form = RunForm::plain});
  CHECK(plain.config().proxy_start == plain.config().layers);
  CHECK_THROWS_WITH(Lmm<B>(be, receipts("baseline"), {.form = RunForm::proxyv}), ContainsSubstring("was not trained with ProxyV"));
}

TEST_CASE("config.json says which study a checkpoint is, and a baseline can be masked without training") {
  auto c = io::read_config(receipts("baseline") + "/config.json");
  CHECK(runtime_config(c).study.kind == Study::none);
  c.study = {.kind = "mask_v2v", .keep_self = true};
  c.proxyv_start_layer = 2;
  CHECK(runtime_config(c).study.kind == Study::mask_v2v);
  CHECK(runtime_config(c).study.keep_self);
  CHECK(runtime_config(c).proxy_start == 2);
  CHECK(runtime_config(c, {.form = RunForm::plain}).proxy_start == c.num_hidden_layers);
  CHECK(runtime_config(c, {.form = RunForm::plain}).study.kind == Study::none);
  c.study = {.kind = "attn_ffn_skip", .light_mlp = true};
  CHECK(runtime_config(c).update_inner == c.hidden_size / 4);

  std::ifstream in(receipts("baseline") + "/config.json");
  std::string json(std::istreambuf_iterator<char>(in), {});
  json.insert(json.find('{') + 1, R"("proxyv_study": "mask_v2v",)");
  const files::Folder folder;
  folder.write("config.json", json);
  std::filesystem::create_symlink(receipts("baseline") + "/model.safetensors", folder.file("model.safetensors"));
  B be({});
  const Lmm<B> plain(be, receipts("baseline")), masked(be, folder.path()), same(be, folder.path(), {.form = RunForm::plain});
  const auto far = [](const std::vector<float>& a, const std::vector<float>& b) {
    float worst = 0.f;
    for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
    return worst;
  };
  CHECK(logits_of(same) == logits_of(plain));
  CHECK(far(logits_of(masked), logits_of(plain)) > 1e-3f);
}

TEST_CASE("config.json says how rotary embedding is stretched") {
  auto c = io::read_config(receipts("proxyv") + "/config.json");
  CHECK_FALSE(runtime_config(c).rope_scaling.present());
  c.rope = {.type = io::RopeType::linear, .factor = 2.0};
  CHECK(runtime_config(c).rope_scaling == linear_scaling(32, 2.0));
  c.rope = {.type = io::RopeType::dynamic, .factor = 2.0};
  CHECK(runtime_config(c).rope_scaling == dynamic_scaling(32, 2.0, 2048, 2048));
  CHECK(runtime_config(c, {.context = 5000}).rope_scaling == dynamic_scaling(32, 2.0, 2048, 5000));
  c.rope = {.type = io::RopeType::llama3, .factor = 8.0, .original_positions = 512};
  CHECK(runtime_config(c).rope_scaling == llama3_scaling(32, 10000.0, 8.0, 1.0, 4.0, 512));
  const std::vector<double> few(16, 1.0), many(16, 3.0);
  c.rope = {.type = io::RopeType::longrope, .original_positions = 512, .short_factor = few, .long_factor = many};
  CHECK(runtime_config(c).rope_scaling.divisor[3] == 1.0);
  CHECK(runtime_config(c, {.context = 513}).rope_scaling.divisor[3] == 3.0);
  CHECK_FALSE(runtime_config(c).blockwise_update);
  c.family = io::Family::phi3;
  CHECK(runtime_config(c).blockwise_update);
  CHECK_FALSE(runtime_config(c, {.phi3_blockwise_update = false}).blockwise_update);
}

namespace {

/// A checkpoint folder written anew, its tensors under other names and some of them one behind the other.
struct Rewritten {
  files::Folder folder;
  std::string header, data;

  void put(const std::string& name, const std::vector<io::TensorEntry>& parts) {
    std::uint64_t rows = 0;
    const std::size_t begin = data.size();
    for (const io::TensorEntry& part : parts) {
      data.append(reinterpret_cast<const char*>(part.data), part.bytes);
      rows += part.shape[0];
    }
    std::vector<std::uint64_t> shape(parts[0].shape.begin(), parts[0].shape.end());
    shape[0] = rows;
    header += std::string(header.empty() ? "{" : ",") +
              files::entry(name, io::tensor_type_name(parts[0].type), io::shape_text(shape), "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
  }
  std::string write(const std::string& from, const std::string& architecture) {
    std::ifstream in(from + "/config.json");
    std::string config((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string old = "LlavaLlamaForCausalLM";
    config.replace(config.find(old), old.size(), architecture);
    folder.write("config.json", config);
    folder.write("model.safetensors", files::safetensors(header + "}", data));
    return folder.path();
  }
};

}  // namespace

TEST_CASE("a checkpoint in phi3's layout answers as the same one in llama's") {
  const std::string from = receipts("proxyv");
  const io::Checkpoint files(from);
  Rewritten phi3;
  for (const io::TensorEntry& tensor : files.tensors()) {
    std::string name(tensor.name);
    const auto ends = [&](const char* end) { return name.ends_with(end) && name.starts_with("model.layers."); };
    if (ends("k_proj.weight") || ends("v_proj.weight") || ends("up_proj.weight")) continue;
    const auto sibling = [&](const char* end, const char* other) { return files.at(name.substr(0, name.size() - std::string(end).size()) + other); };
    if (ends("q_proj.weight")) {
      phi3.put(name.substr(0, name.size() - 13) + "qkv_proj.weight", {tensor, sibling("q_proj.weight", "k_proj.weight"), sibling("q_proj.weight", "v_proj.weight")});
    } else if (ends("gate_proj.weight")) {
      phi3.put(name.substr(0, name.size() - 16) + "gate_up_proj.weight", {tensor, sibling("gate_proj.weight", "up_proj.weight")});
    } else {
      phi3.put(name, {tensor});
    }
  }
  B be({});
  const Lmm<B> wanted(be, from), found(be, phi3.write(from, "LlavaPhiForCausalLM"));
  CHECK(found.checkpoint().family == io::Family::phi3);
  CHECK(logits_of(found) == logits_of(wanted));
}

TEST_CASE("weights converted at loading give what weights in place give") {
  B be({});
  const Lmm<B> stored(be, receipts("proxyv")), widened(be, receipts("proxyv"), {.form = RunForm::as_trained, .load = {.weights = DType::f32}});
  const auto a = logits_of(stored), b = logits_of(widened);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-3f);  // bf16 to f32 is exact; sums may be ordered otherwise
}

namespace {

/// Stripes that move from frame to frame, wider than high.
std::vector<Image> film(int frames) {
  std::vector<Image> out;
  for (int f = 0; f < frames; ++f) {
    Image image(200, 120);
    for (index_t y = 0; y < 120; ++y) {
      for (index_t x = 0; x < 200; ++x) {
        const auto grey = static_cast<std::uint8_t>((x * 5 + y * 3 + 40 * f) % 256);
        image.set(x, y, {grey, grey, grey});
      }
    }
    out.push_back(std::move(image));
  }
  return out;
}

/// Tokens of one frame as a picture of one crop has them, pooled.
std::vector<float> frame_tokens(const Lmm<B>& model, B& be, const Image& frame, const VideoOptions& options, index_t side) {
  const Image square = resize_and_centre(frame, 96);
  ImageProcessor one = image_processor(model.checkpoint());
  REQUIRE(one.crop_size == 96);
  const auto all = model.encode_video(be, std::vector<Image>{square}, {.stride = 1, .aspect = ImageAspect::resize});
  std::vector<float> pooled(static_cast<std::size_t>(side * side * all.hidden));
  pool_2d(all.tokens(), {pooled.data(), side * side, all.hidden}, 12, options.stride, options.mode);
  return pooled;
}

}  // namespace

TEST_CASE("a video is encoded frame by frame and pooled") {
  B loader({});
  const Lmm<B> model(loader, receipts("proxyv"));
  B be({.workspace_bytes = model.plan_encode(3).workspace});
  const auto frames = film(5);
  for (const VideoOptions& options : {VideoOptions{.frames_at_once = 3}, VideoOptions{.mode = PoolMode::max, .frames_at_once = 2},
                                      VideoOptions{.stride = 3, .mode = PoolMode::bilinear, .frames_at_once = 1}}) {
    const index_t side = 12 / options.stride;
    const auto video = model.encode_video(be, frames, options);
    CHECK(video.crops == 5);
    CHECK(video.rows == 5 * side * side);
    CHECK(video.slot().video);
    for (const index_t f : {0, 4}) {
      const auto wanted = frame_tokens(model, be, frames[static_cast<std::size_t>(f)], options, side);
      const auto found = video.tokens().row_range(f * side * side, side * side);
      for (index_t i = 0; i < found.rows(); ++i)
        for (index_t j = 0; j < found.cols(); ++j)
          REQUIRE(std::abs(found(i, j) - wanted[static_cast<std::size_t>(i * found.cols() + j)]) < 1e-4f);
    }
  }
}

TEST_CASE("a video goes into a prompt, a newline after each frame") {
  B loader({});
  const VideoOptions options{.stride = 3};  // 4 x 4 tokens a frame, one proxy
  for (const char* variant : {"baseline", "proxyv"}) {
    const Lmm<B> model(loader, receipts(variant));
    B be({.workspace_bytes = std::size_t{64} << 20});
    const auto video = model.encode_video(be, film(4), options);
    const std::vector<TokenId> ids{1, image_token, 3, 4};
    const ImageSlot slot = video.slot();
    const TokenLayout layout({ids.data(), 4}, {&slot, 1}, model.frame_shape(options));
    CHECK(layout.vision() == 64);
    CHECK(layout.newlines() == 4);
    CHECK(layout.proxies() == (std::string(variant) == "proxyv" ? 4 : 0));
    CHECK(std::vector<std::int32_t>(layout.positions().begin() + 64, layout.positions().begin() + 68) == std::vector<std::int32_t>{17, 34, 51, 68});
    model.visit([&](const auto& decoder) {
      Session session(be, decoder, layout.rows() + 4);
      session.start({layout, video.tokens()});
      CHECK(session.generate({.max_tokens = 4}).size() == 4);
    });
  }
}

TEST_CASE("videos that cannot be are refused") {
  B loader({});
  const Lmm<B> model(loader, receipts("proxyv"));
  B be({.workspace_bytes = model.plan_encode(1).workspace});
  const auto frames = film(2);
  CHECK_THROWS_WITH(model.encode_video(be, {}, {}), ContainsSubstring("encode_video: no frames"));
  CHECK_THROWS_WITH(model.encode_video(be, frames, {.aspect = ImageAspect::anyres}), ContainsSubstring("cannot be anyres"));
  CHECK_THROWS_WITH(model.encode_video(be, frames, {.stride = 0}), ContainsSubstring("stride 0"));
  CHECK_THROWS_WITH(model.encode_video(be, frames, {.frames_at_once = 0}), ContainsSubstring("frames_at_once 0"));
  CHECK_THROWS_AS(model.encode_video(be, frames, {}), WorkspaceError);  // room for one frame
  CHECK_NOTHROW(model.encode_video(be, frames, {.frames_at_once = 1}));
  CHECK_THROWS_WITH(model.frame_shape({.stride = 2}), ContainsSubstring("frame_shape: frames of side 6, wanted a multiple of 4 up to 4096"));
}

TEST_CASE("encoding refuses what does not fit and leaves the engine usable") {
  B loader({});
  const Lmm<B> model(loader, receipts("baseline"));
  B small({.workspace_bytes = 1000});
  CHECK_THROWS_AS(model.encode(small, stripes()), WorkspaceError);
  CHECK_THROWS_AS(model.encode(small, Image()), ArgumentError);
  B be({.workspace_bytes = model.plan_encode(5).workspace});
  CHECK(model.encode(be, stripes()).rows == 720);
}

TEST_CASE("a folder without a config names the file") {
  B be({});
  const auto folder = std::filesystem::temp_directory_path() / "proxyv_lmm_test";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(receipts("baseline") + "/model.safetensors", folder / "model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(folder / "config.json");
  CHECK_THROWS_WITH(Lmm<B>(be, folder.string()), ContainsSubstring("config.json"));
  std::ofstream(folder / "config.json") << R"({"architectures": ["WeirdForCausalLM"]})";
  CHECK_THROWS_WITH(Lmm<B>(be, folder.string()), ContainsSubstring("unknown architecture \"WeirdForCausalLM\""));
  std::filesystem::remove_all(folder);
}

namespace {

/// Answers to a picture, with what it was encoded to.
struct Answered {
  EncodedPicture<B> picture;
  std::vector<float> logits;
  std::vector<TokenId> tokens;
};
Answered answered(const Lmm<B>& model) {
  return model.visit([&](const auto& decoder) {
    B encoder({.workspace_bytes = model.plan_encode(5).workspace});
    Answered out{model.encode(encoder, stripes()), {}, {}};
    const std::vector<TokenId> ids{1, image_token, 3, 4};
    const ImageSlot slot = out.picture.slot();
    const TokenLayout layout({ids.data(), 4}, {&slot, 1}, model.crop_shape());
    B be({.workspace_bytes = workspace_bytes(decoder, layout)});
    Session session(be, decoder, layout.rows() + 8);
    session.start({layout, out.picture.tokens()});
    const auto row = session.logits();
    out.logits.assign(row.data(), row.data() + row.cols());
    out.tokens = session.generate({.max_tokens = 4});
    return out;
  });
}
std::vector<std::vector<float>> sorted_rows(const EncodedPicture<B>& picture) {
  std::vector<std::vector<float>> rows;
  for (index_t i = 0; i < picture.rows; ++i) rows.emplace_back(picture.tokens().row(i), picture.tokens().row(i) + picture.hidden);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("VisionZip on a checkpoint: fewer tokens, in both layouts the same ones") {
  B be({});
  const auto zip = [](ZipLayout layout) { return Lmm<B>::Options{.reduction = Reduction{.zip = {64, 16, layout}}}; };
  const Lmm<B> crops(be, receipts("baseline"), zip(ZipLayout::crop_major)), run(be, receipts("baseline"), zip(ZipLayout::stitched));
  const Answered a = answered(crops), b = answered(run);
  CHECK(a.picture.rows == 5 * 80);
  CHECK(a.picture.slot().crops == 5);
  CHECK(b.picture.slot().crops == 1);
  CHECK(b.picture.slot().tokens == 400);
  CHECK_FALSE(b.picture.slot().newlines);
  CHECK(sorted_rows(a.picture) == sorted_rows(b.picture));
  CHECK(std::all_of(b.logits.begin(), b.logits.end(), [](float x) { return std::isfinite(x); }));
  CHECK(a.tokens.size() == 4);
  CHECK_THROWS_WITH(Lmm<B>(be, receipts("proxyv"), zip(ZipLayout::crop_major)), ContainsSubstring("spatial proxies stand for blocks of a whole crop"));
  CHECK(Lmm<B>(be, receipts("proxyv"), {.form = RunForm::plain, .load = {}, .reduction = Reduction{.zip = {64, 16, ZipLayout::crop_major}}}).crop_shape().tokens == 80);
}

TEST_CASE("drops on a checkpoint, by hand and by config.json") {
  B be({});
  const Lmm<B> by_hand(be, receipts("baseline"), {.reduction = Reduction{.drops = DropSchedule::pyramid_drop({1, 3}, {0.5, 0.25})}});
  const auto folder = std::filesystem::temp_directory_path() / "proxyv_lmm_reduction_test";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(receipts("baseline") + "/model.safetensors", folder / "model.safetensors", std::filesystem::copy_options::overwrite_existing);
  std::ifstream in(receipts("baseline") + "/config.json");
  std::string json{std::istreambuf_iterator<char>(in), {}};
  const std::string all = json;
  json.insert(json.find('{') + 1, R"("vision_reduction": {"method": "pyramid_drop", "layers": [1, 3], "ratios": [0.5, 0.25]},)");
  std::ofstream(folder / "config.json") << json;
  {
    const Lmm<B> by_file(be, folder.string());
    CHECK(by_file.config().reduction == by_hand.config().reduction);
    const Answered a = answered(by_hand), b = answered(by_file), whole = answered(Lmm<B>(be, folder.string(), {.form = RunForm::plain}));
    CHECK(a.logits == b.logits);
    CHECK(a.tokens == b.tokens);
    CHECK(whole.logits == answered(Lmm<B>(be, receipts("baseline"))).logits);
    CHECK(a.logits != whole.logits);
  }
  json = all;
  json.insert(json.find('{') + 1, R"("vision_reduction": [{"method": "fast_v", "layers": [2], "ratios": [0.5], "form": "mask"}, {"method": "vision_zip", "dominant": 30, "contextual": 5, "layout": "stitched"}],)");
  std::ofstream(folder / "config.json", std::ios::trunc) << json;
  {
    const Lmm<B> both(be, folder.string());
    CHECK(both.config().reduction == Reduction{{30, 5, ZipLayout::stitched}, DropSchedule::fast_v(2, 0.5, DropRule::fast_v_mask)});
    CHECK(both.crop_shape().tokens == 35);
  }
  std::filesystem::remove_all(folder);
}
