#include "proxyv/model/load.hpp"

#include "model/tensors.hpp"
#include "proxyv/eigen.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

template <class Model>
Left answer(const Model& model, R& be) {
  return prefill(model, be, Question(model, {1, image, 2}, {{1}}));
}

}  // namespace

TEST_CASE("load: what is loaded is what was written") {
  R be(options());
  RuntimeConfig c = config(1, true);
  c.qkv_bias = true;
  const auto files = tensors<float>(c);
  const auto loaded = load_decoder<Learned>(be, c, *files, files, true);
  CHECK(same(answer(loaded, be), answer(random_decoder<Learned>(be, c, 5), be)));
}

TEST_CASE("load: matrices are used in place, the decoder keeps the files") {
  R be(options());
  auto files = tensors<bf16>(config(2));
  const auto* embed = files->all.at("model.embed_tokens.weight").bytes.data();
  std::weak_ptr<Tensors> watched = files;
  {
    const auto model = load_decoder<Spatial>(be, config(2), *files, files, true);
    CHECK(model.embedding().table().data() == embed);
    CHECK(model.embedding().table().type() == DType::bf16);
    files.reset();
    CHECK_FALSE(watched.expired());
    CHECK(answer(model, be).logits.size() == 32);
  }
  CHECK(watched.expired());
}

TEST_CASE("load: converted on request") {
  R be(options());
  const auto files = tensors<float>(config(2));
  const auto half = load_decoder<Spatial>(be, config(2), *files, files, true, {.weights = DType::bf16});
  CHECK(half.embedding().table().type() == DType::bf16);
  const auto same_type = load_decoder<Spatial>(be, config(2), *files, files, true, {.weights = DType::f32});
  CHECK(same_type.embedding().table().data() == files->all.at("model.embed_tokens.weight").bytes.data());
  const auto made = random_decoder<Spatial>(be, config(2), 5, DType::bf16);
  CHECK(same(answer(half, be), answer(made, be)));
}

TEST_CASE("load: faults name file, tensor, wanted and found") {
  R be(options());
  const auto refused = [&](auto&& change) {
    auto files = tensors<float>(config(2));
    change(*files);
    return error_of<LoadError>([&] { load_decoder<Spatial>(be, config(2), *files, files, true); });
  };
  const std::vector<float> zeros(1000);
  CHECK(refused([](Tensors& t) { t.all.erase("model.layers.3.mlp.up_proj.weight"); }) ==
        "tiny.safetensors: no tensor \"model.layers.3.mlp.up_proj.weight\"");
  CHECK(refused([&](Tensors& t) { t.put<bf16>("model.layers.1.self_attn.k_proj.weight", {16, 8}, zeros.data()); }) ==
        "tiny.safetensors: tensor \"model.layers.1.self_attn.k_proj.weight\": wanted F32, F16 or BF16 [8, 16], found BF16 [16, 8]");
  CHECK(refused([&](Tensors& t) { t.put<float>("model.norm.weight", {17}, zeros.data()); }) ==
        "tiny.safetensors: tensor \"model.norm.weight\": wanted F32, F16 or BF16 [1, 16], found F32 [17]");
  CHECK(refused([&](Tensors& t) { t.all.at("lm_head.weight").type = io::TensorType::i32; }) ==
        "tiny.safetensors: tensor \"lm_head.weight\": wanted F32, F16 or BF16 [32, 16], found I32 [32, 16]");
}

TEST_CASE("load: without pictures no newline is wanted, and then none can be shown") {
  R be(options());
  const auto files = tensors<float>(config(4));
  files->all.erase("model.image_newline");
  const auto model = load_decoder<Plain>(be, config(4), *files, files, false);
  CHECK(prefill(model, be, Question(model, {1, 2}, {})).logits.size() == 32);
  CHECK(error_of<ArgumentError>([&] { answer(model, be); }) == "prefill: a prompt with images, but the model has no model.image_newline");
}

TEST_CASE("load: packed for an engine that does, the same answers, tables and vectors as they are") {
  using Packed = ProxyDecoder<EigenBackend>;
  EigenBackend be(options());
  for (bool tied : {false, true}) {
    RuntimeConfig c = config(2);
    c.tied_embeddings = tied;
    const auto files = tensors<bf16>(c);
    const auto* embed = files->all.at("model.embed_tokens.weight").bytes.data();
    const auto plain = load_decoder<Packed>(be, c, *files, files, true, {.pack = false});
    const Question q(plain, {1, image, 2, 3}, {{2}});
    const auto wanted = prefill(plain, be, q);
    for (const bool plain_updates : {true, false}) {
      const auto packed = load_decoder<Packed>(be, c, *files, files, true, {.plain_updates = plain_updates});
      CHECK(packed.embedding().table().data() == embed);
      CHECK(deviation(prefill(packed, be, q), wanted) < 1e-5);
      R judge(options());
      CHECK(error_of<ArgumentError>([&] { prefill(packed, judge, q); }).find("is packed in panels of") != std::string::npos);
    }
    const auto converted = load_decoder<Packed>(be, c, *files, files, true, {.weights = DType::f32});
    CHECK(deviation(prefill(converted, be, q), wanted) < 1e-5);
  }
}

TEST_CASE("load: random weights are packed when asked") {
  using Packed = ProxyDecoder<EigenBackend>;
  EigenBackend be(options());
  const auto rows = random_decoder<Packed>(be, config(2), RandomOptions{.seed = 4, .type = DType::bf16});
  const auto packed = random_decoder<Packed>(be, config(2), RandomOptions{.seed = 4, .type = DType::bf16, .pack = true});
  const Question q(rows, {1, image, 2, 3}, {{2}});
  CHECK(deviation(prefill(packed, be, q), prefill(rows, be, q)) < 1e-5);
  R judge(options());
  CHECK_NOTHROW(prefill(rows, judge, q));
  CHECK_THROWS_AS(prefill(packed, judge, q), ArgumentError);
}
