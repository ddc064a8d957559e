// Dropping and merging vision tokens on the card: recorded steps, combinations, and the same choices as the
// judge's.
#include "cuda/decoders.hpp"
#include "proxyv/reduce/drop_stack.hpp"
#include "proxyv/reduce/vision_zip.hpp"
#include "support/catch.hpp"

using namespace gpu;
using tiny::image;

namespace {

const std::vector<TokenId> two_images{1, image, 2, 3, image, 4, 5};
const std::vector<ImageSlot> slots{{2}, {1}};  // 3 crops of 64 tokens

RuntimeConfig with(RuntimeConfig c, const DropSchedule& drops) {
  c.layers = 4;
  c.proxy_start = c.learned_proxies ? 3 : 4;
  c.reduction.drops = drops;
  return c;
}
DropSchedule per_crop(DropSchedule drops) {
  drops.per_crop = true;
  return drops;
}

/// Tokens by append alone, from a cache of their own.
template <class Model, class B = typename Model::backend>
std::vector<float> appended(const Model& model, B& be, const Question& q, const std::vector<TokenId>& more) {
  const Asked<B> asked(be, q);
  KvCache<B> cache(be, model.cache_shape(q.layout.rows() + static_cast<index_t>(more.size())));
  const Matrix<B> logits(be, 1, model.config().vocab);
  model.prefill(be, asked.prompt(), cache, logits);
  for (const TokenId token : more) model.append(be, Span<const TokenId>(&token, 1), cache, logits);
  return values(be, logits);
}

}  // namespace

TEMPLATE_TEST_CASE("cuda reduce: drops decode by recorded steps as by appending, and as the judge does", "",
                   float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  using Model = ReducedDecoder<B>;
  B be = engine<TestType>();
  tiny::R judge(tiny::options(std::size_t{16} << 20));
  for (const DropSchedule& drops : {DropSchedule::pyramid_drop({1, 2, 3}, {0.6, 0.4, 0.1}),
                                    DropSchedule::fast_v(2, 0.5), per_crop(DropSchedule::fast_v(1, 0.7))}) {
    const RuntimeConfig c = with(fast_config(), drops);
    const auto model = random_decoder<Model>(be, c, 5, dtype_of<TestType>);
    const Question q(model, two_images, slots);
    const Asked<B> asked(be, q);
    Session<Model> chat(be, model, q.layout.rows() + 64);
    chat.start(asked.prompt());
    const auto tokens = chat.generate({.max_tokens = 9});
    const std::vector<TokenId> fed(tokens.begin(), tokens.end() - 1);
    const double near = std::same_as<TestType, float> ? 1e-4 : 5e-2;
    CHECK(small::deviation(values(be, chat.logits()), appended(model, be, q, fed)) < near);
    chat.start(asked.prompt());
    CHECK(chat.generate({.max_tokens = 9}) == tokens);
    CHECK(chat.cache().length(3) ==
          chat.cache().length() - 3 * 64 +
              drops.keep[static_cast<std::size_t>(drops.count - 1)].of(drops.per_crop ? 64 : 192) *
                  (drops.per_crop ? 3 : 1));
    if constexpr (std::same_as<TestType, float>) {
      const auto judged = random_decoder<ReducedDecoder<tiny::R>>(judge, c, 5);
      CHECK(small::deviation(appended(model, be, q, {}), tiny::prefill(judged, judge, q).logits) < 1e-4);
    }
  }
}

TEMPLATE_TEST_CASE("cuda reduce: learned proxies over the tokens that are left", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  tiny::R judge(tiny::options(std::size_t{16} << 20));
  for (const DropSchedule& drops :
       {per_crop(DropSchedule::pyramid_drop({1, 2}, {0.5, 0.25})), per_crop(DropSchedule::fast_v(2, 0.5))}) {
    const RuntimeConfig c = with(fast_config(true), drops);
    const auto model = random_decoder<ReducedProxyDecoder<B>>(be, c, 5, dtype_of<TestType>);
    const Question q(model, two_images, slots);
    const auto found = appended(model, be, q, {3, 4});
    CHECK(std::all_of(found.begin(), found.end(), [](float x) { return std::isfinite(x); }));
    if constexpr (std::same_as<TestType, float>) {
      const auto judged = random_decoder<ReducedProxyDecoder<tiny::R>>(judge, c, 5);
      CHECK(small::deviation(appended(model, be, q, {}), tiny::prefill(judged, judge, q).logits) < 1e-4);
    }
  }
}

TEMPLATE_TEST_CASE("cuda reduce: hidden rows are as good as dropped ones", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  const auto drop = random_decoder<ReducedDecoder<B>>(be, with(fast_config(), DropSchedule::fast_v(2, 0.5)),
                                                      5, dtype_of<TestType>);
  const auto mask = random_decoder<ReducedDecoder<B>>(
      be, with(fast_config(), DropSchedule::fast_v(2, 0.5, DropRule::fast_v_mask)), 5, dtype_of<TestType>);
  const Question q(drop, two_images, slots);
  CHECK(small::deviation(appended(drop, be, q, {}), appended(mask, be, q, {})) <
        (std::same_as<TestType, float> ? 1e-4 : 5e-2));
}

TEMPLATE_TEST_CASE("cuda reduce: VisionZip chooses what the judge chooses", "", float, bf16, f16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  tiny::R judge(tiny::options());
  const index_t crops = 2, rows = 145, heads = 4;
  const ZipSettings settings{40, 9, ZipLayout::crop_major};
  auto keys = small::noise(crops * rows, heads * 16, 1), hidden = small::noise(crops * rows, 96, 2),
       cls = small::noise(crops * heads, rows, 3);
  keys.values = rounded<TestType>(keys.values);
  hidden.values = rounded<TestType>(hidden.values);
  std::vector<std::int32_t> bits(cls.values.size());
  std::memcpy(bits.data(), cls.values.data(), bits.size() * sizeof(float));
  auto memory = be.template alloc<std::int32_t>(static_cast<index_t>(bits.size()));
  be.upload(small::span_of(bits), memory.span());
  const View<const float, DeviceSpace> weights(reinterpret_cast<const float*>(memory.data()), crops * heads,
                                               rows);
  const Matrix<B> k(be, keys), h(be, hidden), tokens(be, crops * settings.tokens(), 96);
  small::Matrix wanted(crops * settings.tokens(), 96);
  std::vector<std::vector<std::int32_t>> chosen, judged;
  VisionZip<B>(settings, heads, rows)(be, weights, k, h, tokens, [&](index_t, const ZipChoice<B>& c) {
    for (const auto& one : {c.kept, c.targets, c.merged, c.to})
      chosen.push_back(ids(be, one.data(), one.size()));
  });
  VisionZip<tiny::R>(settings, heads, rows)(judge, cls.view(), keys.view(), hidden.view(), wanted.view(),
                                            [&](index_t, const ZipChoice<tiny::R>& c) {
                                              for (const auto& one : {c.kept, c.targets, c.merged, c.to})
                                                judged.emplace_back(one.begin(), one.end());
                                            });
  CHECK(chosen == judged);
  CHECK(small::deviation(values(be, tokens), wanted.values) < (std::same_as<TestType, float> ? 1e-6 : 1e-2));
}
