#include "proxyv/model/decoder.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

/// Appends in pieces of these sizes; logits and cache after the last.
template <class Model>
Left appended(const Model& model, R& be, const Question& prompt, const std::vector<TokenId>& more, const std::vector<index_t>& pieces) {
  KvCache<R> cache(be, model.cache_shape(64));
  Matrix logits(1, model.config().vocab);
  model.prefill(be, prompt.prompt(), cache, logits);
  index_t at = 0;
  for (const index_t n : pieces) {
    model.append(be, small::span_of(more).part(at, n), cache, logits);
    at += n;
  }
  return {logits.values, contents(cache)};
}

}  // namespace

TEST_CASE("decoder: static and run-time configurations are bit-equal") {
  using Fixed = Decoder<R, presets::Tiny, Stack<2, DecoderLayer>, ProxyStack<2, BilinearPool, VisionUpdate>>;
  R be(options());
  const auto fixed = random_decoder<Fixed>(be, {}, 7);
  const auto dynamic = random_decoder<Spatial>(be, RuntimeConfig::from(presets::Tiny{}), 7);
  const Question q(dynamic, {1, image, 2, 3}, {{1}});
  CHECK(same(prefill(fixed, be, q), prefill(dynamic, be, q)));
  CHECK(prefill(fixed, be, q).logits.size() == 96);
}

TEST_CASE("decoder: stacks may be cut anywhere") {
  R be(options());
  using Cut = Decoder<R, RuntimeConfig, Stack<1, DecoderLayer>, Stack<0, DecoderLayer>, Stack<1, DecoderLayer>,
                      ProxyStack<2, BilinearPool, VisionUpdate>>;
  const auto cut = random_decoder<Cut>(be, config(2), 7);
  const auto whole = random_decoder<Spatial>(be, config(2), 7);
  const Question q(whole, {1, image, 2, 3}, {{1}});
  CHECK(same(prefill(cut, be, q), prefill(whole, be, q)));
}

TEST_CASE("decoder: proxies from the layer after the last are no proxies at all") {
  R be(options());
  const auto late = random_decoder<Spatial>(be, config(4), 7);
  const auto plain = random_decoder<Plain>(be, config(4), 7);
  const Question q(late, {1, image, 2, 3}, {{2}});
  CHECK(q.layout.proxies() == 0);
  CHECK(same(prefill(late, be, q), prefill(plain, be, q)));
}

TEST_CASE("decoder: each start gives another answer, but in the last layer alone proxies change nothing yet") {
  R be(options());
  std::vector<std::vector<float>> answers;
  for (index_t start = 0; start <= 4; ++start) {
    const auto model = random_decoder<Spatial>(be, config(start), 7);
    answers.push_back(prefill(model, be, Question(model, {1, image, 2, 3}, {{2}})).logits);
  }
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(small::deviation(answers[i], answers[j]) > 1e-4);
  CHECK(small::deviation(answers[3], answers[4]) < 1e-5);
}

TEST_CASE("decoder: without a picture every decoder is the plain one") {
  R be(options());
  const auto plain = random_decoder<Plain>(be, config(4), 7);
  const Question q(plain, {1, 2, 3, 4, 5}, {});
  const auto wanted = prefill(plain, be, q);
  for (const index_t start : {0, 2}) {
    CHECK(same(prefill(random_decoder<Spatial>(be, config(start), 7), be, q), wanted));
    CHECK(same(prefill(random_decoder<Learned>(be, config(start, true), 7), be, q), wanted));
  }
}

TEST_CASE("decoder: tokens appended in any pieces equal tokens one by one and a prompt with all of them") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 7);
  const Question prompt(model, {1, image, 2}, {{2}}), whole(model, {1, image, 2, 9, 8, 7, 6}, {{2}});
  const std::vector<TokenId> more{9, 8, 7, 6};
  const auto once = appended(model, be, prompt, more, {4});
  CHECK(same(appended(model, be, prompt, more, {1, 1, 1, 1}), once));
  CHECK(same(appended(model, be, prompt, more, {1, 3}), once));
  CHECK(tiny::deviation(once, prefill(model, be, whole)) < 1e-5);
}

TEST_CASE("decoder: a long text in one append counts its positions on") {
  R be(options());
  RuntimeConfig c = config(4);
  const auto model = random_decoder<Plain>(be, c, 7);
  std::vector<TokenId> ids(150), more;
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i * 7 % 32);
  more.assign(ids.begin() + 1, ids.end());  // 149: more than two internal chunks
  KvCache<R> cache(be, model.cache_shape(150));
  Matrix logits(1, 32);
  const Question first(model, {ids[0]}, {});
  model.prefill(be, first.prompt(), cache, logits);
  model.append(be, small::span_of(more), cache, logits);
  CHECK(cache.next_position() == 150);
  CHECK(small::deviation(logits.values, prefill(model, be, Question(model, ids, {})).logits) < 1e-5);
}

TEST_CASE("decoder: own embeddings in equal ids in") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 7);
  const Question q(model, {1, image, 2, 3}, {{1}});
  Matrix text(3, 16), more(2, 16);
  const std::vector<TokenId> after{9, 4};
  model.embedding()(be, q.layout.text_ids(), text.view());
  model.embedding()(be, small::span_of(after), more.view());

  KvCache<R> cache(be, model.cache_shape(64)), own_cache(be, model.cache_shape(64));
  Matrix logits(1, 32), own_logits(1, 32);
  model.prefill(be, q.prompt(), cache, logits);
  model.prefill(be, {q.layout, q.features, text}, own_cache, own_logits);
  CHECK(small::same_bits(own_logits.values, logits.values));
  model.append(be, small::span_of(after), cache, logits);
  model.append(be, In<R>(more), own_cache, own_logits);
  CHECK(small::same_bits(own_logits.values, logits.values));
  CHECK(small::same_bits(contents(own_cache), contents(cache)));

  // Embeddings go before ids: these are those of another question.
  const Question other(model, {5, image, 9, 4}, {{1}});
  model.embedding()(be, other.layout.text_ids(), text.view());
  own_cache.clear();
  model.prefill(be, {q.layout, q.features, text}, own_cache, own_logits);
  CHECK(small::same_bits(own_logits.values, prefill(model, be, other).logits));
}

TEST_CASE("decoder: after a text that was cut, positions go on where the picture ended") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 7);
  const Question cut(model, {1, 2, 3, image, 4, 5}, {{1}}, 19);  // 17 for the picture leave two
  KvCache<R> cache(be, model.cache_shape(64));
  Matrix logits(1, 32);
  model.prefill(be, cut.prompt(), cache, logits);
  CHECK(cache.length() == 19);
  CHECK(cache.next_position() == 20);
  const std::vector<TokenId> more{4, 5, 6};
  model.append(be, small::span_of(more).first(2), cache, logits);
  model.append(be, small::span_of(more).part(2, 1), cache, logits);
  CHECK(cache.length() == 22);
  CHECK(cache.next_position() == 23);
  CHECK(cache.positions(21, 1)[0] == 22);
}

TEST_CASE("decoder: features may lie anywhere, at any stride") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 7);
  const Question q(model, {1, image, 2}, {{1}});
  Matrix wide(16, 23, HUGE_VALF);
  be.copy(q.features, wide.view().col_range(5, 16));
  KvCache<R> cache(be, model.cache_shape(q.layout.rows()));
  Matrix logits(1, 32);
  model.prefill(be, {q.layout, wide.view().col_range(5, 16)}, cache, logits);
  CHECK(small::same_bits(logits.values, prefill(model, be, q).logits));
}

TEST_CASE("decoder: 16-bit weights stay close to their floats, biases and tied embeddings count") {
  R be(options());
  RuntimeConfig c = config(2);
  const auto logits = [&](const RuntimeConfig& cfg, DType type) {
    const auto model = random_decoder<Spatial>(be, cfg, 7, type);
    return prefill(model, be, Question(model, {1, image, 2}, {{1}})).logits;
  };
  const auto base = logits(c, DType::f32);
  CHECK(small::deviation(logits(c, DType::bf16), base) < 0.1);
  CHECK(small::deviation(logits(c, DType::f16), base) < 0.01);
  CHECK(small::deviation(logits(c, DType::bf16), base) > 1e-5);
  c.qkv_bias = true;
  CHECK(small::deviation(logits(c, DType::f32), base) > 0.01);
  c.qkv_bias = false;
  c.tied_embeddings = true;
  CHECK(small::deviation(logits(c, DType::f32), base) > 0.01);
}

TEST_CASE("decoder: what it says about itself") {
  R be(options());
  const auto spatial = random_decoder<Spatial>(be, config(2));
  CHECK(spatial.crop_shape().tokens == 16);
  CHECK(spatial.crop_shape().proxies == 4);
  CHECK(spatial.crop_shape(99).max_length == 99);
  CHECK(random_decoder<Spatial>(be, config(4)).crop_shape().proxies == 0);
  CHECK(random_decoder<Plain>(be, config(4)).crop_shape().proxies == 0);
  CHECK(spatial.cache_shape(10).width == 8);
  CHECK(spatial.head().vocab() == 32);
  CHECK(spatial.rotary().head_dim == 4);
  STATIC_REQUIRE(Spatial::uses_proxies);
  STATIC_REQUIRE_FALSE(Plain::uses_proxies);
}

TEST_CASE("decoder: frames of a video may have another side than crops") {
  R be(options());
  RuntimeConfig small_crops = config(2);
  small_crops.crop_side = 2;  // weights do not know the side
  const auto model = random_decoder<Spatial>(be, config(2), 3), other = random_decoder<Spatial>(be, small_crops, 3);
  const std::vector<TokenId> ids{1, image, 2};
  const ImageSlot video{3, true};
  const TokenLayout layout(small::span_of(ids), {&video, 1}, model.frame_shape(2)), same_layout(small::span_of(ids), {&video, 1}, other.crop_shape());
  CHECK(layout.vision() == 12);
  CHECK(layout.proxies() == 3);
  const Matrix features = small::noise(12, 16, 8);
  const auto run = [&](const Spatial& decoder, const TokenLayout& how) {
    KvCache<R> cache(be, decoder.cache_shape(how.rows()));
    Matrix logits(1, 32);
    decoder.prefill(be, {how, features}, cache, logits);
    return Left{logits.values, contents(cache)};
  };
  CHECK(same(run(model, layout), run(other, same_layout)));
  CHECK(model.frame_shape(4).proxies == model.crop_shape().proxies);
  CHECK(small::error_of<ArgumentError>([&] { model.frame_shape(3); }) == "frame_shape: frames of side 3, wanted a multiple of 2 up to 4096");
  CHECK(random_decoder<Plain>(be, config(4), 3).frame_shape(3).tokens == 9);
  const auto learned = random_decoder<Learned>(be, config(2, true), 3);
  CHECK(small::error_of<ArgumentError>([&] { learned.frame_shape(2); }) == "frame_shape: frames of side 2, wanted 4");
  CHECK(learned.frame_shape(4).proxies == 4);
}

TEST_CASE("decoder: appending costs its own tokens only") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2));
  const Question q(model, {1, image, 2}, {{5}});
  const index_t past = q.layout.rows();
  const double projections = 2.0 * (2 * 16 * 16 + 3 * 16 * 24), kv = 2.0 * 2 * 16 * 8, head = 2.0 * 16 * 32;
  const Cost three = model.plan_append(past, 3);
  CHECK(three.linear_flops == 3 * (4 * kv + 3 * projections) + projections + head);  // last layer: one row
  CHECK(three.attention_flops == 4.0 * 16 * static_cast<double>((past + 3) * (3 * 3 + 1)));
  CHECK(model.plan_append(past).flops() * 10 < model.plan_prefill(q.layout).flops());
}
