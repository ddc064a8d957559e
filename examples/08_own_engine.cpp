// Lesson 8. Your own engine. Replace one op of an existing engine by deriving from it; or write only
// the ops that you need: a layer asks for no more than it uses.
#include <cstdio>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using lesson::Matrix, lesson::noise;

/// The CPU engine with one op replaced. Nothing is virtual: layers call the op of the type they are given.
struct CountingEngine : pv::EigenBackend {
  using pv::EigenBackend::EigenBackend;

  void gemm(pv::View<const float> x, pv::Weight<> w, pv::View<float> y, pv::Epilogue<float, pv::HostSpace> e) {
    ++gemms;
    pv::EigenBackend::gemm(x, w, y, e);  // here you would call your own library
  }

  int gemms = 0;
};
static_assert(pv::Backend<CountingEngine>);

/// Half an engine: memory from HostStorage, and the two products. Enough for Linear, and for Linear only.
struct HalfEngine : pv::HostStorage {
  using pv::HostStorage::HostStorage;

  void gemm(pv::View<const float> x, pv::Weight<> w, pv::View<float> y, pv::Epilogue<float, pv::HostSpace> e) {
    pv::check::gemm(x, w, y, e);  // refuses wrong shapes in the library's words
    const auto* weights = static_cast<const float*>(w.data());
    for (pv::index_t i = 0; i < y.rows(); ++i) {
      for (pv::index_t j = 0; j < y.cols(); ++j) {
        float sum = e.bias.empty() ? 0.f : e.bias[j];
        if (e.beta != 0.f) sum += y(i, j);
        for (pv::index_t k = 0; k < x.cols(); ++k) sum += x(i, k) * weights[j * w.cols() + k];
        y(i, j) = pv::activate(e.act, sum);
      }
    }
  }
  void product(pv::View<const float> x, pv::View<const float> z, pv::View<float> y, float beta) {
    pv::check::product(x, z, y, beta);
    for (pv::index_t i = 0; i < y.rows(); ++i) {
      for (pv::index_t j = 0; j < y.cols(); ++j) {
        float sum = beta != 0.f ? y(i, j) : 0.f;
        for (pv::index_t k = 0; k < x.cols(); ++k) sum += x(i, k) * z(k, j);
        y(i, j) = sum;
      }
    }
  }
};
static_assert(pv::GemmOps<HalfEngine> && !pv::NormOps<HalfEngine> && !pv::Backend<HalfEngine>);

int main() {
  // One layer on half an engine. An RmsNorm here would not compile: "NormOps" is what is missing.
  HalfEngine half(pv::HostOptions{});
  const Matrix weight = noise(3, 4, 1), x = noise(2, 4, 2);
  Matrix y(2, 3), judged(2, 3);
  pv::Linear<HalfEngine>(weight.weight())(half, x.view(), y.view(), {.act = pv::Act::silu});

  // The judge: slow, short, right.
  pv::ReferenceBackend judge({});
  pv::Linear<pv::ReferenceBackend>(weight.weight())(judge, x.view(), judged.view(), {.act = pv::Act::silu});
  std::printf("half an engine agrees with the judge: %s\n", lesson::same(y.view(), judged.view()));

  // A whole model on an engine with one op of our own.
  using Model = pv::ProxyDecoder<CountingEngine, pv::presets::Tiny>;
  CountingEngine loader(pv::HostOptions{});
  const auto model = pv::random_decoder<Model>(loader, {});
  const pv::TokenId prompt[] = {pv::image_token, 1, 2};
  const pv::ImageSlot image{.crops = 1};
  const pv::TokenLayout layout({prompt, 3}, {&image, 1}, model.crop_shape());
  const Matrix picture = noise(layout.vision(), model.config().hidden, 3);

  CountingEngine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  pv::KvCache<CountingEngine> cache(be, model.cache_shape(layout.rows() + 1));
  Matrix logits(1, model.config().vocab);
  model.prefill(be, {layout, picture.view()}, cache, logits.view());
  std::printf("calls of our gemm in a prefill:       %d\n", be.gemms);
  be.gemms = 0;
  model.append(be, pv::Span<const pv::TokenId>(prompt + 1, 1), cache, logits.view());
  std::printf("and for one more token:               %d\n", be.gemms);
}
