// A user's own engines: one op replaced, and only part of an engine.
#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

/// The reference with another RMSNorm.
struct Mine : ReferenceBackend {
  using ReferenceBackend::ReferenceBackend;
  int norms = 0;

  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    ++norms;
    ReferenceBackend::rms_norm(x, gain, y, eps);
    for (index_t i = 0; i < y.rows(); ++i)
      for (index_t j = 0; j < y.cols(); ++j) y(i, j) *= scale;
  }
  float scale = 1.f;
};

/// Memory, products and norms: what a Linear and a norm need, no attention, no sampling.
struct Half : HostStorage {
  using HostStorage::HostStorage;

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    check::gemm(x, w, y, e);
    const auto* weight = static_cast<const float*>(w.data());
    for (index_t i = 0; i < y.rows(); ++i)
      for (index_t j = 0; j < y.cols(); ++j) {
        float sum = (e.bias.empty() ? 0.f : e.bias[j]) + (e.beta != 0.f ? y(i, j) : 0.f);
        for (index_t k = 0; k < x.cols(); ++k) sum += x(i, k) * weight[j * w.cols() + k];
        y(i, j) = activate(e.act, sum);
      }
  }
  void product(View<const float>, View<const float>, View<float>, float) {}
  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    for (index_t i = 0; i < x.rows(); ++i) {
      float squares = 0.f;
      for (index_t j = 0; j < x.cols(); ++j) squares += x(i, j) * x(i, j);
      const float scale = 1.f / std::sqrt(squares / static_cast<float>(x.cols()) + eps);
      for (index_t j = 0; j < x.cols(); ++j) y(i, j) = x(i, j) * scale * gain[j];
    }
  }
  void layer_norm(View<const float>, Span<const float>, Span<const float>, View<float>, float) {}
};

static_assert(Backend<Mine>);
static_assert(GemmOps<Half> && NormOps<Half>);
static_assert(!AttentionOps<Half> && !GateOps<Half> && !ProxyOps<Half> && !SampleOps<Half> && !Backend<Half>);

}  // namespace

TEST_CASE("own engine: one op replaced runs a whole decoder and a conversation") {
  Mine mine(options());
  R reference(options());
  const auto model = random_decoder<ProxyDecoder<Mine>>(mine, config(2), 3);
  const auto judge = random_decoder<Spatial>(reference, config(2), 3);
  const Question q(judge, {1, image, 2, 3}, {{1}});
  Session session(mine, model, 64);
  Session wanted(reference, judge, 64);
  session.start({q.layout, q.features});
  wanted.start(q.prompt());
  CHECK(mine.norms > 0);
  CHECK(session.generate({.max_tokens = 5}) == wanted.generate({.max_tokens = 5}));
  const int before = mine.norms;
  session.next_token();
  CHECK(mine.norms == before + 2 * 4 + 1);  // two per layer, one at the end
}

TEST_CASE("own engine: the replaced op is really the one that runs") {
  Mine mine(options());
  const auto model = random_decoder<ProxyDecoder<Mine>>(mine, config(2), 3);
  const Question q(model, {1, image, 2, 3}, {{1}});
  const auto run = [&] {
    KvCache<Mine> cache(mine, model.cache_shape(64));
    Matrix logits(1, 32);
    model.prefill(mine, {q.layout, q.features}, cache, logits);
    return logits.values;
  };
  const auto once = run();
  mine.scale = 1.5f;
  CHECK(small::deviation(run(), once) > 0.01);
}

TEST_CASE("own engine: a model of another engine with the same tensors runs on it") {
  Mine mine(options());
  R reference(options());
  const auto model = random_decoder<Spatial>(reference, config(2), 3);
  const Question q(model, {1, image, 2, 3}, {{1}});
  CHECK(same(prefill(model, mine, q), prefill(model, reference, q)));
  CHECK(mine.norms > 0);
  mine.norms = 0;
  Session session(mine, model, 64);  // and a session runs on the engine it was given
  session.start({q.layout, q.features});
  CHECK(mine.norms > 0);
}

TEST_CASE("own engine: half an engine runs what needs half an engine") {
  Half half{HostOptions{}};
  R reference{HostOptions{}};
  const Matrix w = small::noise(3, 4, 1), bias = small::noise(1, 3, 2), gain = small::noise(1, 4, 3), x = small::noise(5, 4, 4);
  Matrix normed(5, 4), y(5, 3), wanted_normed(5, 4), wanted(5, 3);
  RmsNorm<Half>(gain.span(), 1e-5f)(half, x, normed);
  Linear<Half>(w.weight(), bias.span())(half, normed, y, {.act = Act::silu});
  RmsNorm<R>(gain.span(), 1e-5f)(reference, x, wanted_normed);
  Linear<R>(w.weight(), bias.span())(reference, wanted_normed, wanted, {.act = Act::silu});
  CHECK(small::deviation(y.values, wanted.values) < 1e-6);
}
