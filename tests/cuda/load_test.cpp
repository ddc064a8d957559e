// Weights in the CUDA engine's memory: loaded from files, and drawn at random, the same as on the host.
#include <map>

#include "cuda/calls.hpp"
#include "cuda/decoders.hpp"
#include "io/files.hpp"
#include "proxyv/io/safetensors.hpp"
#include "proxyv/model/load.hpp"
#include "support/catch.hpp"

using namespace gpu;

namespace {

using Numbers = std::map<std::string, std::vector<float>>;

/// Reads back what a visitor has filled, matrices of any type included.
template <class B>
struct Reader {
  B& be;
  Numbers& all;

  void matrix(const std::string& name, WeightOf<B>& w, index_t rows, index_t cols) const {
    with_dtype(w.type(), [&]<class U>(U) {
      std::vector<float> out(static_cast<std::size_t>(rows * cols));
      const auto words = ids(be, w.data(), rows * cols * static_cast<index_t>(sizeof(U)) / 4);
      for (std::size_t i = 0; i < out.size(); ++i) {
        U value;
        std::memcpy(&value, reinterpret_cast<const std::byte*>(words.data()) + i * sizeof(U), sizeof(U));
        out[i] = to_float(value);
      }
      all[name] = out;
    });
  }
  void dense(const std::string& name, In<B>& x, index_t, index_t) const { all[name] = values(be, x); }
  void vector(const std::string& name, Vec<B>& x, index_t n) const { all[name] = values(be, In<B>(x.data(), 1, n)); }
};

template <class B>
Numbers read(B& be, const RuntimeConfig& c, DecoderWeights<B>& w) {
  Numbers all;
  for_each_tensor<B>(c, w, true, Reader<B>{be, all});
  return all;
}

template <class B>
Numbers drawn(B& be, const RuntimeConfig& c, const RandomOptions& random) {
  WeightStore<B> kept;
  DecoderWeights<B> w;
  for_each_tensor<B>(c, w, true, detail::RandomVisitor<B, B>(be, random, kept));
  return read(be, c, w);
}

RuntimeConfig config() {
  RuntimeConfig c = tiny::config(2, true);
  c.qkv_bias = true;
  return c;
}

/// All tensors of a configuration as a safetensors file with elements U.
template <class U>
struct Writer {
  std::string header, data;
  std::size_t tensors = 0;

  void put(const std::string& name, const std::string& shape, const float* values, index_t n) {
    const std::size_t begin = data.size();
    for (index_t i = 0; i < n; ++i) data += files::bytes_of({from_float<U>(values[i])});
    const std::string_view type = dtype_of<U> == DType::f32 ? "F32" : dtype_of<U> == DType::f16 ? "F16" : "BF16";
    header += (header.empty() ? "{" : ",") + files::entry(name, type, shape, "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
    ++tensors;
  }
  static std::string shape(index_t rows, index_t cols) { return "[" + std::to_string(rows) + "," + std::to_string(cols) + "]"; }
  void matrix(const std::string& name, WeightOf<ReferenceBackend>& w, index_t rows, index_t cols) {
    put(name, shape(rows, cols), static_cast<const float*>(w.data()), rows * cols);
  }
  void dense(const std::string& name, In<ReferenceBackend>& x, index_t rows, index_t cols) { put(name, shape(rows, cols), x.data(), rows * cols); }
  void vector(const std::string& name, Vec<ReferenceBackend>& x, index_t n) { put(name, "[" + std::to_string(n) + "]", x.data(), n); }
};

template <class T, class U>
void loads() {
  const RuntimeConfig c = config();
  ReferenceBackend host(tiny::options());
  WeightStore<ReferenceBackend> kept;
  DecoderWeights<ReferenceBackend> made = tiny::random_weights(c, kept, {.seed = 5});
  Writer<U> writer;
  for_each_tensor<ReferenceBackend>(c, made, true, writer);
  const files::Folder folder;
  const std::string path = folder.write("model.safetensors", files::safetensors(writer.header + "}", writer.data));

  using B = CudaBackend<T>;
  B be = engine<T>();
  WeightStore<B> store;
  DecoderWeights<B> weights;
  std::vector<LoadProgress> told;
  std::vector<std::string> names;
  {
    const io::SafetensorsFile file(path);
    LoadVisitor<B, io::SafetensorsFile> visitor(be, file, store, {.progress = [&](const LoadProgress& p) {
      told.push_back(p);
      names.emplace_back(p.tensor);
    }});
    for_each_tensor<B>(c, weights, true, visitor);
  }  // the file is closed: everything is on the device by now, or in the engine's own memory
  Numbers wanted = read(host, c, made);
  const Numbers found = read(be, c, weights);
  CHECK(found.size() == wanted.size());
  for (auto& [name, numbers] : wanted) {
    INFO(name);
    REQUIRE(found.count(name) == 1);
    CHECK(small::same_bits(found.at(name), rounded<T>(rounded<U>(numbers))));
  }
  REQUIRE(told.size() == writer.tensors);
  CHECK(names.front() == "model.embed_tokens.weight");
  CHECK(told.back().done == writer.data.size());
  CHECK(std::is_sorted(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.done < b.done; }));
}

}  // namespace

TEMPLATE_TEST_CASE("cuda load: a file's numbers, in the engine's type", "[small][memory]", float, f16, bf16) {
  NEEDS_GPU();
  loads<TestType, float>();
  loads<TestType, f16>();
  loads<TestType, bf16>();
}

TEST_CASE("cuda load: a whole decoder, and matrices of another type on request") {
  NEEDS_GPU();
  using B = CudaBackend<float>;
  const RuntimeConfig c = config();
  WeightStore<ReferenceBackend> kept;
  DecoderWeights<ReferenceBackend> made = tiny::random_weights(c, kept, {.seed = 5});
  Writer<float> writer;
  for_each_tensor<ReferenceBackend>(c, made, true, writer);
  const files::Folder folder;
  const std::string path = folder.write("model.safetensors", files::safetensors(writer.header + "}", writer.data));
  const io::SafetensorsFile file(path);
  B be = engine<float>();
  const auto alive = calls::alive();
  {
    const auto loaded = load_decoder<LearnedProxyDecoder<B>>(be, c, file, nullptr, true);
    const auto random = random_decoder<LearnedProxyDecoder<B>>(be, c, 5);
    const Question q(loaded, {1, tiny::image, 2}, {{1}});
    CHECK(tiny::same(prompted(loaded, be, q), prompted(random, be, q)));
    const auto narrow = load_decoder<LearnedProxyDecoder<B>>(be, c, file, nullptr, true, {.weights = DType::bf16});
    CHECK(narrow.embedding().table().type() == DType::bf16);
    CHECK(tiny::same(prompted(narrow, be, q), prompted(random_decoder<LearnedProxyDecoder<B>>(be, c, 5, DType::bf16), be, q)));
    const calls::Failing failing(calls::Call::device_alloc, 9);
    CHECK_THROWS_AS(load_decoder<LearnedProxyDecoder<B>>(be, c, file, nullptr, true), CudaError);
  }
  CHECK(calls::alive() == alive);
}

TEMPLATE_TEST_CASE("cuda random: the host's numbers, bit for bit", "[small][memory]", float, f16, bf16) {
  NEEDS_GPU();
  CudaBackend<TestType> be = engine<TestType>();
  ReferenceBackend host(tiny::options());
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    const RandomOptions random{.seed = 77, .type = type, .deviation = type == DType::f32 ? 0.f : 0.3f};
    const Numbers wanted = drawn(host, config(), random), found = drawn(be, config(), random);
    for (const auto& [name, numbers] : wanted) {
      INFO(name << " in " << dtype_name(type));
      REQUIRE(found.count(name) == 1);
      CHECK(rounded<TestType>(found.at(name)) == rounded<TestType>(numbers));  // vectors are of the engine's type
      if (name.find("proj.weight") != std::string::npos) CHECK(small::same_bits(found.at(name), numbers));
    }
  }
}
