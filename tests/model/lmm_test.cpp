// Lmm: the receipts checkpoints, loaded and looked at. What they answer is the receipts' own exam.
#include "proxyv/model/lmm.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

TEST_CASE("weights converted at loading give what weights in place give") {
  B be({});
  const Lmm<B> stored(be, receipts("proxyv")), widened(be, receipts("proxyv"), {.form = RunForm::as_trained, .load = {.weights = DType::f32}});
  const auto a = logits_of(stored), b = logits_of(widened);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-3f);  // bf16 to f32 is exact; sums may be ordered otherwise
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
