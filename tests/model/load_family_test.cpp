#include "proxyv/model/load_family.hpp"

#include "model/tensors.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

using Rows = std::vector<std::pair<const char*, index_t>>;  // of which tensor, and how many

/// Takes `each` rows of every part in turn, `times` times, into one tensor; the parts go.
void fuse(Tensors& t, const std::string& layer, const std::string& fused, const Rows& parts,
          index_t times = 1) {
  Tensors::Tensor out{
      {0, t.all.at(layer + parts[0].first).shape[1]}, {}, t.all.at(layer + parts[0].first).type};
  for (index_t i = 0; i < times; ++i) {
    for (const auto& [name, each] : parts) {
      const Tensors::Tensor& part = t.all.at(layer + name);
      const auto bytes = static_cast<std::ptrdiff_t>(part.bytes.size() / part.shape[0]) * each;
      out.bytes.insert(out.bytes.end(), part.bytes.begin() + i * bytes, part.bytes.begin() + (i + 1) * bytes);
      out.shape[0] += static_cast<std::uint64_t>(each);
    }
  }
  for (const auto& part : parts) t.all.erase(layer + part.first);
  t.all[layer + fused] = std::move(out);
}

void rename(Tensors& t, const std::string& from, const std::string& to) {
  auto node = t.all.extract(from);
  REQUIRE_FALSE(node.empty());
  node.key() = to;
  t.all.insert(std::move(node));
}

constexpr const char *q = "self_attn.q_proj.weight", *k = "self_attn.k_proj.weight",
                     *v = "self_attn.v_proj.weight", *gate = "mlp.gate_proj.weight",
                     *up = "mlp.up_proj.weight";

void to_phi3(Tensors& t, const RuntimeConfig& c) {
  for (index_t i = 0; i < c.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const index_t dim = c.head_dim;
    fuse(t, layer, "self_attn.qkv_proj.weight",
         {{q, c.heads * dim}, {k, c.kv_heads * dim}, {v, c.kv_heads * dim}});
    fuse(t, layer, "mlp.gate_up_proj.weight", {{gate, c.ffn}, {up, c.ffn}});
  }
}

void to_internlm2(Tensors& t, const RuntimeConfig& c) {
  rename(t, "model.embed_tokens.weight", "model.tok_embeddings.weight");
  rename(t, "lm_head.weight", "output.weight");
  for (index_t i = 0; i < c.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    fuse(t, layer, "attention.wqkv.weight",
         {{q, c.heads / c.kv_heads * c.head_dim}, {k, c.head_dim}, {v, c.head_dim}}, c.kv_heads);
    rename(t, layer + gate, layer + "feed_forward.w1.weight");
    rename(t, layer + up, layer + "feed_forward.w3.weight");
    rename(t, layer + "mlp.down_proj.weight", layer + "feed_forward.w2.weight");
    rename(t, layer + "self_attn.o_proj.weight", layer + "attention.wo.weight");
    rename(t, layer + "input_layernorm.weight", layer + "attention_norm.weight");
    rename(t, layer + "post_attention_layernorm.weight", layer + "ffn_norm.weight");
  }
}

Left answer(const Spatial& model, R& be) { return prefill(model, be, Question(model, {1, image, 2}, {{1}})); }

struct Named {
  std::shared_ptr<Tensors> files;
  FamilyTensors<Tensors> tensors;
  Named(std::shared_ptr<Tensors> t, io::Family family, const RuntimeConfig& c)
      : files(std::move(t)), tensors(*files, family, c) {}
};

template <class T>
void same_model(void (*rewrite)(Tensors&, const RuntimeConfig&), io::Family family, index_t kv_heads,
                const LoadOptions& options = {}) {
  R be(tiny::options());
  RuntimeConfig c = config(2);
  c.kv_heads = kv_heads;
  const auto plain = tensors<T>(c);
  const auto wanted = answer(load_decoder<Spatial>(be, c, *plain, plain, true, options), be);
  auto named = std::make_shared<Named>(tensors<T>(c), family, c);
  rewrite(*named->files, c);
  std::weak_ptr<Named> watched = named;
  {
    const auto model = load_decoder<Spatial>(be, c, named->tensors, named, true, options);
    named.reset();
    CHECK_FALSE(watched.expired());  // gathered rows live as long as the model
    CHECK(same(answer(model, be), wanted));
  }
  CHECK(watched.expired());
}

}  // namespace

TEST_CASE("family: a model written in a family's layout is the same model, bit for bit") {
  for (const index_t kv_heads : {1, 2, 4}) {
    same_model<float>(to_phi3, io::Family::phi3, kv_heads);
    same_model<bf16>(to_phi3, io::Family::phi3, kv_heads);
    same_model<float>(to_internlm2, io::Family::internlm2, kv_heads);
    same_model<bf16>(to_internlm2, io::Family::internlm2, kv_heads);
    same_model<float>(to_internlm2, io::Family::internlm2, kv_heads, {.weights = DType::bf16});
  }
}

TEST_CASE("family: phi3's parts are used in place, and a file that has them apart loads too") {
  const RuntimeConfig c = config(2);
  Named fused(tensors<bf16>(c), io::Family::phi3, c), apart(tensors<bf16>(c), io::Family::phi3, c);
  to_phi3(*fused.files, c);
  const auto whole = fused.files->at("model.layers.1.self_attn.qkv_proj.weight");
  const auto values = fused.tensors.at("model.layers.1.self_attn.v_proj.weight");
  CHECK(values.data == whole.data + 24 * 16 * 2);
  CHECK(values.bytes == 8 * 16 * 2);
  CHECK(fused.tensors.at("model.layers.1.mlp.up_proj.weight").data ==
        fused.files->at("model.layers.1.mlp.gate_up_proj.weight").data + 24 * 16 * 2);
  CHECK(apart.tensors.at("model.layers.1.self_attn.v_proj.weight").data ==
        apart.files->at("model.layers.1.self_attn.v_proj.weight").data);
  same_model<float>([](Tensors&, const RuntimeConfig&) {}, io::Family::phi3, 2);
  same_model<float>([](Tensors&, const RuntimeConfig&) {}, io::Family::llama, 2);
}

TEST_CASE("family: faults name the tensor of the file") {
  const RuntimeConfig c = config(2);
  const auto refused = [&](auto rewrite, io::Family family, auto&& change, const char* asked) {
    Named named(tensors<float>(c), family, c);
    rewrite(*named.files, c);
    change(*named.files);
    return error_of<LoadError>([&] { named.tensors.at(asked); });
  };
  const std::vector<float> zeros(4096);
  const char *qkv = "model.layers.0.self_attn.qkv_proj.weight",
             *wqkv = "model.layers.0.attention.wqkv.weight";
  CHECK(refused(
            to_phi3, io::Family::phi3,
            [&](Tensors& t) {
              t.put<float>(qkv, {31, 16}, zeros.data());
            },
            "model.layers.0.self_attn.k_proj.weight") ==
        "tiny.safetensors: tensor \"model.layers.0.self_attn.qkv_proj.weight\": wanted F32, F16 or BF16 [32, "
        "16], found F32 [31, 16]");
  CHECK(refused(
            to_phi3, io::Family::phi3, [&](Tensors& t) { t.all.erase(qkv); },
            "model.layers.0.self_attn.q_proj.weight") ==
        "tiny.safetensors: no tensor \"model.layers.0.self_attn.qkv_proj.weight\"");
  CHECK(refused(
            to_internlm2, io::Family::internlm2,
            [&](Tensors& t) {
              t.put<float>(wqkv, {32, 17}, zeros.data());
            },
            "model.layers.0.self_attn.q_proj.weight") ==
        "tiny.safetensors: tensor \"model.layers.0.attention.wqkv.weight\": wanted F32, F16 or BF16 [32, "
        "16], found F32 [32, 17]");
  CHECK(refused(
            to_internlm2, io::Family::internlm2,
            [&](Tensors& t) { t.all.at(wqkv).type = io::TensorType::i32; },
            "model.layers.0.self_attn.v_proj.weight") ==
        "tiny.safetensors: tensor \"model.layers.0.attention.wqkv.weight\": wanted F32, F16 or BF16 [32, "
        "16], found I32 [32, 16]");
  CHECK(refused(
            to_internlm2, io::Family::internlm2, [](Tensors& t) { t.all.erase("output.weight"); },
            "lm_head.weight") == "tiny.safetensors: no tensor \"output.weight\"");
}
