#include "proxyv/model/presets.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

// The paper's prompt: a picture of five crops and fifty text tokens.
const std::vector<TokenId> ids = [] {
  std::vector<TokenId> v(51, 1);
  v[10] = image_token;
  return v;
}();
const std::vector<ImageSlot> five_crops{{5}};

template <class Model>
Cost cost(RuntimeConfig c, index_t start, const PrefillOptions& how) {
  c.proxy_start = start;
  PlanBackend<R> plan;
  const Model model(plan, c, shape_only_weights<R>(c));
  return model.plan_prefill(TokenLayout(small::span_of(ids), small::span_of(five_crops), model.crop_shape()), how);
}

template <class Preset>
double saved_percent(index_t start, const Savings& savings = Savings::none()) {
  const auto c = RuntimeConfig::from(Preset{});
  const double plain = cost<Plain>(c, c.layers, {.savings = Savings::none()}).flops();
  return 100.0 * (1.0 - cost<Spatial>(c, start, {.savings = savings}).flops() / plain);
}

}  // namespace

TEST_CASE("presets: the paper's savings, by running the models") {
  CHECK(saved_percent<presets::Vicuna7B>(12) == Approx(45.5).margin(0.1));
  CHECK(saved_percent<presets::Vicuna7B>(16) == Approx(36.4).margin(0.1));
  CHECK(saved_percent<presets::Vicuna13B>(16) == Approx(43.4).margin(0.1));
  CHECK(saved_percent<presets::Vicuna13B>(20) == Approx(36.2).margin(0.1));
  CHECK(saved_percent<presets::Llama3_8B>(16) == Approx(42.1).margin(0.1));
  CHECK(saved_percent<presets::Llama3_8B>(20) == Approx(31.6).margin(0.1));
  CHECK(saved_percent<presets::Qwen2_7B>(16) == Approx(37.4).margin(0.1));
  CHECK(saved_percent<presets::Qwen2_7B>(20) == Approx(25.0).margin(0.1));
  CHECK(saved_percent<presets::Phi3_3B>(16) == Approx(36.6).margin(0.1));
  CHECK(saved_percent<presets::Phi3_3B>(20) == Approx(27.5).margin(0.1));
  CHECK(saved_percent<presets::InternLM2_7B>(16) == Approx(42.1).margin(0.1));
  CHECK(saved_percent<presets::InternLM2_7B>(20) == Approx(31.6).margin(0.1));
}

TEST_CASE("presets: the plain decoder costs what its layers cost") {
  const auto c = RuntimeConfig::from(presets::Vicuna7B{});
  const double rows = 2935, d = 4096;
  const Cost plain = cost<Plain>(c, c.layers, {.savings = Savings::none()});
  CHECK(plain.linear_flops == 2 * rows * 32 * (4 * d * d + 3 * d * 11008) + 2 * d * 32000);
  CHECK(plain.attention_flops == 4 * rows * rows * d * 32);
}

TEST_CASE("presets: exact savings come on top, each of them") {
  const double none = saved_percent<presets::Vicuna7B>(12);
  const double folded = saved_percent<presets::Vicuna7B>(12, {.folded_update = true, .split_attention = false, .dead_rows = false});
  const double split = saved_percent<presets::Vicuna7B>(12, {.folded_update = false, .split_attention = true, .dead_rows = false});
  const double dead = saved_percent<presets::Vicuna7B>(12, {.folded_update = false, .split_attention = false, .dead_rows = true});
  const double all = saved_percent<presets::Vicuna7B>(12, {});
  CHECK(folded > none + 0.3);
  CHECK(split > none + 0.01);
  CHECK(dead > none + 0.3);
  CHECK(all > std::max({folded, split, dead}));
}

TEST_CASE("presets: a configuration with fixed counts plans the same as the dynamic one") {
  using Vicuna = Decoder<R, presets::Vicuna7B, Stack<12, DecoderLayer>, ProxyStack<20, BilinearPool, VisionUpdate>>;
  PlanBackend<R> plan;
  const Vicuna model(plan, {}, shape_only_weights<R>(presets::Vicuna7B{}));
  const TokenLayout layout(small::span_of(ids), small::span_of(five_crops), model.crop_shape());
  const Cost fixed = model.plan_prefill(layout), dynamic = cost<Spatial>(RuntimeConfig::from(presets::Vicuna7B{}), 12, {});
  CHECK(layout.rows() == 2935);
  CHECK(layout.proxies() == 180);
  CHECK(fixed.flops() == dynamic.flops());
  CHECK(fixed.bytes == dynamic.bytes);
  CHECK(fixed.workspace == dynamic.workspace);
  CHECK(fixed.workspace < std::size_t{300} << 20);  // scratch of a 7B model's prefill in floats
}
