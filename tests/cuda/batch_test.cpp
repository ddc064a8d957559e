// Batches on the CUDA engine: rows beside each alone, and beside the reference engine.
#include "proxyv/model/batch.hpp"

#include <memory>

#include "cuda/decoders.hpp"
#include "proxyv/model/rope_scaling.hpp"
#include "support/catch.hpp"

using namespace gpu;
using tiny::image;

namespace {

using Tokens = std::vector<TokenId>;

template <class T>
constexpr double bound = std::is_same_v<T, float> ? 2e-5 : std::is_same_v<T, f16> ? 8e-3 : 6e-2;

/// Logits of every row after the same tokens were fed to each, and the rows' caches.
struct Fed {
  std::vector<float> logits, cache;
};

/// Each row fed these tokens alone.
template <class Model, class B = typename Model::backend>
Fed alone(const Model& model, B& be, const Question& q, const Tokens& tokens) {
  const Asked<B> asked(be, q);
  KvCache<B> cache(be, model.cache_shape(q.layout.rows() + 16));
  const Matrix<B> logits(be, 1, model.config().vocab);
  model.prefill(be, asked.prompt(), cache, logits);
  for (const TokenId token : tokens) model.append(be, Span<const TokenId>(&token, 1), cache, logits);
  return {values(be, logits), contents(be, cache)};
}

template <class K, class T>
void rows_as_alone(const RuntimeConfig& c) {
  using B = CudaBackend<T>;
  B be = engine<T>();
  const auto model = random_decoder<typename K::template Model<B>>(be, c, 11, dtype_of<T>);
  const Question a(model, {1, image, 2, image, 3, 4}, {{1}, {1}}), b(model, {5, 6}, {}), d(model, {image, 7}, {{3}});
  const Question* questions[] = {&a, &b, &d, &b, &a};  // more than the one-row kernels take
  const Tokens tokens{7, 8, 9, 3};
  std::vector<std::unique_ptr<Asked<B>>> asked;
  BatchSession<typename K::template Model<B>> session(be, model, 5, 300);
  for (const Question* q : questions) {
    asked.push_back(std::make_unique<Asked<B>>(be, *q));
    session.start(asked.back()->prompt());
  }
  for (const TokenId token : tokens) {
    const Tokens each(5, token);
    session.feed(small::span_of(each));
  }
  for (index_t row = 0; row < 5; ++row) {
    const Fed wanted = alone(model, be, *questions[row], tokens);
    INFO("row " << row << " of " << dtype_name(dtype_of<T>) << ", hidden " << c.hidden);
    CHECK(small::deviation(values(be, session.logits(row)), wanted.logits) < bound<T>);
    CHECK(small::deviation(contents(be, session.cache(row)), wanted.cache) < bound<T>);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("cuda batch: each row as alone", "[small][batch]", PlainKind, SpatialKind, LearnedKind) {
  NEEDS_GPU();
  using K = TestType;
  for (const index_t head_dim : {64, 128}) {
    rows_as_alone<K, float>(fast_config(K::learned, head_dim));
    rows_as_alone<K, bf16>(fast_config(K::learned, head_dim));
    rows_as_alone<K, f16>(fast_config(K::learned, head_dim));
  }
  rows_as_alone<K, float>(tiny::config(K::plain ? 4 : 2, K::learned));
}

TEST_CASE("cuda batch: rows say what the reference engine's rows say, as they come and go", "[small][batch]") {
  NEEDS_GPU();
  using B = CudaBackend<float>;
  B be = engine<float>();
  ReferenceBackend judge(tiny::options(std::size_t{4} << 20));
  const RuntimeConfig c = fast_config();
  const auto model = random_decoder<ProxyDecoder<B>>(be, c, 11);
  const auto wanted = random_decoder<ProxyDecoder<ReferenceBackend>>(judge, c, 11);
  const Question a(wanted, {1, image, 2}, {{1}}), b(wanted, {5, 6}, {}), d(wanted, {image, 7}, {{2}});
  const auto run = [](auto& session, const auto& pa, const auto& pb, const auto& pd) {
    const Sampling sampling{.temperature = 1.2f, .top_k = 20, .seed = 3};
    std::vector<RowToken> said;
    session.start(pa);
    session.start(pb);
    for (int step = 0; step < 12; ++step) {
      if (step == 3) session.start(pd);
      if (step == 6) session.rest(1);
      if (step == 8) session.leave(0);
      for (const RowToken& token : session.next_tokens(sampling)) said.push_back(token);
    }
    return said;
  };
  const Asked<B> on_a(be, a), on_b(be, b), on_d(be, d);
  BatchSession<ProxyDecoder<B>> session(be, model, 3, 200);
  BatchSession<ProxyDecoder<ReferenceBackend>> judged(judge, wanted, 3, 200);
  const auto found = run(session, on_a.prompt(), on_b.prompt(), on_d.prompt());
  CHECK(found.size() == 8 + 6 + 9);
  CHECK(found == run(judged, a.prompt(), b.prompt(), d.prompt()));
}

TEMPLATE_TEST_CASE("cuda batch: the same batch gives the same bits", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  const auto model = random_decoder<ProxyDecoder<B>>(be, fast_config(), 11, dtype_of<TestType>);
  const Question a(model, {1, image, 2}, {{1}}), b(model, {5, 6}, {});
  const Asked<B> on_a(be, a), on_b(be, b);
  const auto run = [&] {
    BatchSession<ProxyDecoder<B>> session(be, model, 2, 200);
    session.start(on_a.prompt());
    session.start(on_b.prompt());
    const auto tokens = session.generate({.max_tokens = 10});
    return std::pair(tokens, values(be, session.logits(1)));
  };
  const auto first = run();
  for (int i = 0; i < 3; ++i) {
    const auto again = run();
    CHECK(again.first == first.first);
    CHECK(same_bits(again.second, first.second));
  }
}

TEST_CASE("cuda batch: a padded batch is the reference engine's", "[small][batch]") {
  NEEDS_GPU();
  using B = CudaBackend<float>;
  B be = engine<float>();
  ReferenceBackend judge(tiny::options(std::size_t{4} << 20));
  const RuntimeConfig c = fast_config();
  const auto model = random_decoder<ProxyDecoder<B>>(be, c, 11);
  const auto wanted = random_decoder<ProxyDecoder<ReferenceBackend>>(judge, c, 11);
  const Question a(wanted, {1, image, 2}, {{2}}), b(wanted, {5, image, 6, 7, 8}, {{1}});
  const std::vector<RowPrompt> prompts{{small::span_of(a.ids), small::span_of(a.images)}, {small::span_of(b.ids), small::span_of(b.images)}};
  for (const DecodePadding padding : {DecodePadding::attend, DecodePadding::mask}) {
    const auto layouts = batch_layouts({prompts.data(), 2}, model.crop_shape(),
                                       {.next_token = NextToken::packed_last, .decode_position = DecodePosition::packed, .decode_padding = padding});
    BatchSession<ProxyDecoder<B>> session(be, model, 2, 300);
    BatchSession<ProxyDecoder<ReferenceBackend>> judged(judge, wanted, 2, 300);
    for (const auto& [q, layout] : {std::pair(&a, &layouts[0]), std::pair(&b, &layouts[1])}) {
      const Matrix<B> features(be, q->features);
      session.start({*layout, features.view()});
      judged.start({*layout, q->features});
      be.sync();
    }
    CHECK(session.generate({.max_tokens = 6}) == judged.generate({.max_tokens = 6}));
    for (index_t row = 0; row < 2; ++row)
      CHECK(small::deviation(contents(be, session.cache(row)), tiny::contents(judged.cache(row))) < 2e-5);
  }
}

TEST_CASE("cuda: stretched rotary embedding turns as the reference's", "[small]") {
  NEEDS_GPU();
  using B = CudaBackend<float>;
  B be = engine<float>();
  ReferenceBackend judge(tiny::options(std::size_t{4} << 20));
  RuntimeConfig c = fast_config();
  c.rope_scaling = llama3_scaling(c.head_dim, 500000.0, 8.0, 1.0, 4.0, 64);
  c.rope_scaling.amplitude = 1.19;
  const auto model = random_decoder<ProxyDecoder<B>>(be, c, 11);
  const auto wanted = random_decoder<ProxyDecoder<ReferenceBackend>>(judge, c, 11);
  const Question q(wanted, {1, image, 2, image, 3}, {{1}, {2}});
  const Talk said = talk(model, be, q), should = talk(wanted, judge, q);
  CHECK(said.tokens == should.tokens);
  CHECK(small::deviation(said.logits, should.logits) < 2e-5);
  CHECK(small::deviation(said.cache, should.cache) < 2e-5);
}
