// Every misuse of a decoder that has a name: an error with its text, and nothing changed.
#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

struct World {
  R be{options()};
  Spatial model = random_decoder<Spatial>(be, config(2), 1);
  Question q{model, {1, image, 2, 3}, {{1}}};
  KvCache<R> cache{be, model.cache_shape(24)};
  Matrix logits{1, 32, 7.f};

  /// The error of f, which must leave the cache's length and the logits alone.
  template <class E, class F>
  std::string refused(F&& f) {
    const auto length = cache.length(), position = cache.next_position();
    const auto before = logits.values;
    const auto kept = contents(cache);
    const std::string text = error_of<E>(f);
    CHECK(cache.length() == length);
    CHECK(cache.next_position() == position);
    CHECK(logits.values == before);
    CHECK(contents(cache) == kept);
    CHECK(be.workspace_available() >= std::size_t{1} << 20);
    return text;
  }
  template <class E>
  std::string prefill_refused(const Prompt<R>& prompt) {
    return refused<E>([&] { model.prefill(be, prompt, cache, logits); });
  }
  void fill() { model.prefill(be, q.prompt(), cache, logits); }
  template <class E>
  std::string append_refused(const std::vector<TokenId>& ids) {
    return refused<E>([&] { model.append(be, small::span_of(ids), cache, logits); });
  }
};

}  // namespace

TEST_CASE("misuse: tokens out of range") {
  World w;
  for (const TokenId bad : {32, -1, -201, 2147483647}) {
    const Question q(w.model, {1, bad, 3}, {});
    CHECK(w.prefill_refused<ArgumentError>(q.prompt()) == "embedding: token 1 is " + std::to_string(bad) + ", wanted 0..31");
  }
  w.fill();
  CHECK(w.append_refused<ArgumentError>({5, 32}) == "embedding: token 1 is 32, wanted 0..31");
  CHECK(w.append_refused<ArgumentError>({image}) == "embedding: token 0 is -200, wanted 0..31");
  CHECK(w.append_refused<ArgumentError>({}) == "append: no tokens");
}

TEST_CASE("misuse: features of the wrong shape") {
  World w;
  for (const auto& [rows, cols, shape] : {std::tuple{15, 16, "[15, 16]"}, {17, 16, "[17, 16]"}, {16, 15, "[16, 15]"}, {0, 16, "[0, 16]"}}) {
    const Matrix features(rows, cols);
    CHECK(w.prefill_refused<ShapeError>({w.q.layout, features}) == std::string("prefill: image features ") + shape + ", wanted [16, 16]");
  }
  CHECK(w.prefill_refused<ShapeError>({w.q.layout}) == "prefill: image features [0, 0], wanted [16, 16]");
  const Question text(w.model, {1, 2}, {});
  CHECK(w.prefill_refused<ShapeError>({text.layout, w.q.features}) == "prefill: image features [16, 16], wanted [0, 16]");
  CHECK(w.prefill_refused<ArgumentError>({w.q.layout, {nullptr, 16, 16}}) == "prefill: null image features");
}

TEST_CASE("misuse: own embeddings of the wrong shape") {
  World w;
  const Matrix narrow(3, 15), few(2, 16);
  CHECK(w.prefill_refused<ShapeError>({w.q.layout, w.q.features, narrow}) == "prefill: text embeddings [3, 15], wanted [3, 16]");
  CHECK(w.prefill_refused<ShapeError>({w.q.layout, w.q.features, few}) == "prefill: text embeddings [2, 16], wanted [3, 16]");
  CHECK(w.prefill_refused<ArgumentError>({w.q.layout, w.q.features, {nullptr, 3, 16}}) == "prefill: null text embeddings");
  w.fill();
  const auto append = [&](const In<R>& x) { return [&w, x] { w.model.append(w.be, x, w.cache, w.logits); }; };
  CHECK(w.refused<ShapeError>(append(narrow)) == "append: embeddings of width 15, wanted 16");
  CHECK(w.refused<ArgumentError>(append({nullptr, 1, 16})) == "append: null embeddings");
  CHECK(w.refused<ArgumentError>(append(Matrix(0, 16))) == "append: no tokens");
}

TEST_CASE("misuse: a layout for another model, or none") {
  World w;
  const auto with = [&](const CropShape& shape) {
    const TokenLayout other(small::span_of(w.q.ids), small::span_of(w.q.images), shape);
    return w.prefill_refused<ShapeError>({other, w.q.features});
  };
  CHECK(with({9, 4, 0}) == "prefill: the layout has 9 tokens and 4 proxies per crop, the model wants 16 and 4");
  CHECK(with({16, 0, 0}) == "prefill: the layout has 16 tokens and 0 proxies per crop, the model wants 16 and 4");
  CHECK(w.prefill_refused<ArgumentError>({TokenLayout{}}) == "prefill: the layout is empty");
  CHECK(error_of<ArgumentError>([&] { w.model.plan_prefill({}); }) == "prefill: the layout is empty");
  const TokenLayout small_crops(small::span_of(w.q.ids), small::span_of(w.q.images), {4, 1, 0});
  CHECK_THROWS_AS(w.model.plan_prefill(small_crops), ShapeError);
}

TEST_CASE("misuse: caches that are not empty, full, or another model's") {
  World w;
  w.fill();
  CHECK(w.prefill_refused<ArgumentError>(w.q.prompt()) == "prefill: the cache holds 20 rows; a prompt starts an empty one");
  CHECK(w.append_refused<CacheFullError>({1, 2, 3, 4, 5}) == "KvCache: 5 more tokens wanted, 20 of 24 rows are taken");
  const Question wide(w.model, {1, image, 2}, {{2}});
  w.cache.clear();
  CHECK(w.prefill_refused<CacheFullError>(wide.prompt()) == "KvCache: 36 more tokens wanted, 0 of 24 rows are taken");

  KvCache<R> shallow(w.be, {3, 24, 8}), narrow(w.be, {4, 24, 4});
  CHECK(error_of<ShapeError>([&] { w.model.prefill(w.be, w.q.prompt(), shallow, w.logits); }) == "cache: 3 layers of width 8, the model wants 4 of 8");
  CHECK(error_of<ShapeError>([&] { w.model.prefill(w.be, w.q.prompt(), narrow, w.logits); }) == "cache: 4 layers of width 4, the model wants 4 of 8");
  CHECK(narrow.length() == 0);
  KvCache<R> gone = std::move(w.cache);
  CHECK(error_of<ShapeError>([&] { w.model.prefill(w.be, w.q.prompt(), w.cache, w.logits); }) == "cache: 0 layers of width 0, the model wants 4 of 8");
}

TEST_CASE("misuse: positions past the end") {
  World w;
  w.fill();
  w.cache.truncate(5, 2147483646);
  CHECK(w.append_refused<ArgumentError>({1, 2}) == "append: 2 tokens from position 2147483646 on, wanted positions below 2147483647");
  w.cache.truncate(5, std::numeric_limits<index_t>::max());
  CHECK_THROWS_AS(w.model.append(w.be, small::span_of(std::vector<TokenId>{1}), w.cache, w.logits), ArgumentError);
  CHECK(error_of<ArgumentError>([&] { w.model.plan_append(std::numeric_limits<index_t>::max(), 1); }) ==
        "plan_append: 1 tokens after 9223372036854775807");
  CHECK(error_of<ArgumentError>([&] { w.model.plan_append(5, 0); }) == "plan_append: 0 tokens after 5");
  CHECK(error_of<ArgumentError>([&] { w.model.plan_append(-1, 1); }) == "plan_append: 1 tokens after -1");
}

TEST_CASE("misuse: logits of the wrong shape or without memory") {
  World w;
  Matrix two(2, 32), narrow(1, 31);
  const auto into = [&](const Out<R>& logits) { return [&w, logits] { w.model.prefill(w.be, w.q.prompt(), w.cache, logits); }; };
  CHECK(w.refused<ShapeError>(into(two)) == "logits: [2, 32], wanted [1, 32]");
  CHECK(w.refused<ShapeError>(into(narrow)) == "logits: [1, 31], wanted [1, 32]");
  CHECK(w.refused<ArgumentError>(into({nullptr, 1, 32})) == "logits: null memory");
}

TEST_CASE("misuse: an engine without workspace") {
  World w;
  R bare{HostOptions{}};
  CHECK(w.refused<WorkspaceError>([&] { w.model.prefill(bare, w.q.prompt(), w.cache, w.logits); }).find("available 0 bytes") != std::string::npos);
}

TEST_CASE("misuse: a decoder that was moved from") {
  World w;
  Spatial other = std::move(w.model);
  CHECK(w.prefill_refused<ArgumentError>(w.q.prompt()) == "Decoder: used after it was moved from");
  CHECK(w.append_refused<ArgumentError>({1}) == "Decoder: used after it was moved from");
  CHECK_THROWS_AS(w.model.plan_prefill(w.q.layout), ArgumentError);
  CHECK_THROWS_AS(w.model.plan_append(0), ArgumentError);
  w.model = std::move(other);
  CHECK_NOTHROW(w.fill());
  CHECK_THROWS_AS(other.plan_append(0), ArgumentError);
}

TEST_CASE("misuse: weights that are not the configuration's") {
  R be(options());
  WeightStore<R> kept;
  const DecoderWeights<R> good = random_weights(config(2), kept, {.seed = 1});
  const auto refused = [&](auto&& change) {
    DecoderWeights<R> w = good;
    change(w);
    return error_of<ShapeError>([&] { Spatial(be, config(2), w); });
  };
  CHECK(refused([](auto&) {}) == "nothing was thrown");
  CHECK(refused([](auto& w) { w.layers.pop_back(); }) == "weights: model.layers.3.input_layernorm.weight is [1, 0], wanted [1, 16]");
  CHECK(refused([](auto& w) { w.updates.pop_back(); }) == "weights: model.vision_mlp_layers.1.context_proj.weight is [0, 0], wanted [8, 16]");
  CHECK(refused([](auto& w) { w.layers[1].q = w.layers[1].k; }) == "weights: model.layers.1.self_attn.q_proj.weight is [8, 16], wanted [16, 16]");
  CHECK(refused([](auto& w) { w.lm_head = {}; }) == "weights: lm_head.weight is [0, 0], wanted [32, 16]");
  CHECK(refused([](auto& w) { w.newline = w.newline.first(3); }) == "weights: model.image_newline is [1, 3], wanted [1, 16]");
  CHECK(error_of<ArgumentError>([&] { Spatial(be, RuntimeConfig{}, good); }) == "config: hidden is 0, wanted 1..16777216");
}

TEST_CASE("misuse: a planned model has no memory to run with") {
  R be(options());
  PlanBackend<R> plan;
  const Spatial model(plan, config(2), shape_only_weights<R>(config(2)));
  const Question q(model, {1, 2}, {});
  KvCache<R> cache(be, model.cache_shape(8));
  Matrix logits(1, 32, 7.f);
  CHECK(error_of<ArgumentError>([&] { model.prefill(be, q.prompt(), cache, logits); }) ==
        "Decoder: the weights have shapes but no memory; they can only be planned with");
  CHECK(logits.values == std::vector<float>(32, 7.f));
}

TEST_CASE("misuse: a hook that throws leaves an empty cache and a usable engine") {
  World w;
  const auto text = error_of<std::runtime_error>([&] {
    w.model.prefill(w.be, w.q.prompt(), w.cache, w.logits, {}, [](const LayerEvent<R>& e) {
      if (e.layer == 2) throw std::runtime_error("enough");
    });
  });
  CHECK(text == "enough");
  CHECK(w.cache.length() == 0);
  const auto wanted = prefill(w.model, w.be, w.q);
  w.fill();
  CHECK(small::same_bits(w.logits.values, wanted.logits));
}
