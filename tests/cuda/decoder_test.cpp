// Whole decoders on the CUDA engine, beside the reference engine and beside themselves.
#include <thread>

#include "cuda/decoders.hpp"
#include "support/catch.hpp"

using namespace gpu;
using tiny::image;

namespace {

template <class K>
RuntimeConfig tiny_config() {
  return tiny::config(K::plain ? 4 : 2, K::learned);
}

template <class K, class B>
auto decoder(B& be, const RuntimeConfig& c, DType type, std::uint64_t seed = 11) {
  return random_decoder<typename K::template Model<B>>(be, c, seed, type);
}

const std::vector<TokenId> words{1, image, 2, image, 3, 4};
const std::vector<ImageSlot> pictures{{1}, {1}};

template <class T>
constexpr double bound = std::is_same_v<T, float> ? 2e-5 : std::is_same_v<T, f16> ? 8e-3 : 6e-2;

/// Prefill and, when both count in floats, a conversation too.
template <class K, class T, class J>
void agrees(J& judge, const RuntimeConfig& c, bool hopper = gpu::on_hopper_paths()) {
  CudaBackend<T> be = engine<T>(std::size_t{8} << 20, true, hopper);
  const auto wanted = decoder<K>(judge, c, dtype_of<T>);
  const auto model = decoder<K>(be, c, dtype_of<T>);
  const Question q(wanted, words, pictures);
  const Left a = prompted(model, be, q), b = prompted(wanted, judge, q);
  CHECK(small::deviation(a.logits, b.logits) < bound<T>);
  CHECK(small::deviation(a.cache, b.cache) < bound<T>);
  const Left whole = prompted(model, be, q, {.all_rows = true});
  CHECK(small::deviation(whole.logits, b.logits) < bound<T>);
  if constexpr (std::is_same_v<T, float>) {
    const Sampling sampling{.temperature = 1.2f, .top_k = 20, .top_p = 0.95f, .seed = 3};
    const Talk said = talk(model, be, q, sampling, 3), should = talk(wanted, judge, q, sampling, 3);
    CHECK(said.tokens == should.tokens);
    CHECK(small::deviation(said.logits, should.logits) < bound<T>);
    CHECK(small::deviation(said.cache, should.cache) < bound<T>);
  }
}

template <class K, class T>
void says_the_same_again(const RuntimeConfig& c) {
  CudaBackend<T> be = engine<T>(), another = engine<T>();
  const auto model = decoder<K>(be, c, dtype_of<T>);
  be.sync();
  const Question q(model, words, pictures);
  const Talk first = talk(model, be, q);
  CHECK(first.tokens.size() == 16);
  for (int i = 0; i < 3; ++i) CHECK(talk(model, be, q) == first);
  CHECK(talk(model, another, q) == first);
}

}  // namespace

TEMPLATE_TEST_CASE("cuda decoder: tiny ones agree with the reference engine", "[small]", PlainKind, SpatialKind, LearnedKind) {
  NEEDS_GPU();
  using K = TestType;
  ReferenceBackend judge(tiny::options());
  agrees<K, float>(judge, tiny_config<K>());
  agrees<K, bf16>(judge, tiny_config<K>());
  agrees<K, f16>(judge, tiny_config<K>());
}

TEMPLATE_TEST_CASE("cuda decoder: those of fast sizes agree with the reference engine", "", PlainKind, SpatialKind, LearnedKind) {
  NEEDS_GPU();
  using K = TestType;
  for (const index_t head_dim : {64, 128}) {
    ReferenceBackend judge(tiny::options(std::size_t{4} << 20));
    CudaBackend<float> in_float = engine<float>();
    agrees<K, float>(judge, fast_config(K::learned, head_dim));
    for (const bool hopper : {true, false}) {
      agrees<K, bf16>(in_float, fast_config(K::learned, head_dim), hopper);
      agrees<K, f16>(in_float, fast_config(K::learned, head_dim), hopper);
    }
  }
}

TEMPLATE_TEST_CASE("cuda decoder: the same conversation gives the same bits", "", PlainKind, SpatialKind, LearnedKind) {
  NEEDS_GPU();
  using K = TestType;
  says_the_same_again<K, float>(tiny_config<K>());
  says_the_same_again<K, bf16>(tiny_config<K>());
  says_the_same_again<K, float>(fast_config(K::learned));
  says_the_same_again<K, bf16>(fast_config(K::learned));
  says_the_same_again<K, bf16>(fast_config(K::learned, 128));
  says_the_same_again<K, f16>(fast_config(K::learned));
}

TEMPLATE_TEST_CASE("cuda decoder: overlapping kernels change no bit", "", float, bf16) {
  NEEDS_GPU();
  CudaBackend<TestType> be = engine<TestType>(), apart = engine<TestType>(std::size_t{8} << 20, false);
  const auto model = decoder<SpatialKind>(be, fast_config(), dtype_of<TestType>);
  be.sync();
  const Question q(model, words, pictures);
  CHECK(talk(model, be, q) == talk(model, apart, q));
}

TEMPLATE_TEST_CASE("cuda decoder: two engines at once on one model say what one alone says", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B one = engine<TestType>(), two = engine<TestType>();
  const auto model = decoder<SpatialKind>(one, fast_config(), dtype_of<TestType>);
  one.sync();
  const Question q(model, words, pictures), r(model, {5, image, 6}, {{3}});
  const Talk alone_q = talk(model, one, q), alone_r = talk(model, one, r);
  bool same_one = true, same_two = true;
  const auto repeat = [&](B& be, const Question& question, const Talk& wanted, bool& same) {
    for (int i = 0; i < 6; ++i) same = same && talk(model, be, question) == wanted;
  };
  std::string failed_one, failed_two;
  const auto guarded = [&](B& be, const Question& question, const Talk& wanted, bool& same, std::string& failed) {
    try {
      repeat(be, question, wanted, same);
    } catch (const std::exception& e) {
      failed = e.what();
    }
  };
  std::thread other([&] { guarded(two, r, alone_r, same_two, failed_two); });
  guarded(one, q, alone_q, same_one, failed_one);
  other.join();
  CHECK(failed_one == "");
  CHECK(failed_two == "");
  CHECK(same_one);
  CHECK(same_two);
}

TEMPLATE_TEST_CASE("cuda decoder: a recorded step and an appended token", "[small][memory]", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  for (const RuntimeConfig& c : {tiny_config<SpatialKind>(), fast_config()}) {
    const auto model = decoder<SpatialKind>(be, c, dtype_of<TestType>);
    const Question q(model, words, pictures);
    const Asked<B> asked(be, q);
    Session<ProxyDecoder<B>> session(be, model, q.layout.rows() + 20);
    session.start(asked.prompt());
    KvCache<B> cache(be, model.cache_shape(q.layout.rows() + 20));
    const Matrix<B> logits(be, 1, c.vocab);
    const auto next = be.template alloc<std::int32_t>(1);
    model.prefill(be, asked.prompt(), cache, logits);
    for (std::uint64_t i = 0; i < 12; ++i) {
      be.sample(logits, {}, i, next.span());
      const TokenId token = ids(be, next.data(), 1).front();
      CHECK(session.next_token() == token);
      const double difference = small::deviation(values(be, session.logits()), values(be, logits));
      INFO("token " << i << " of " << dtype_name(dtype_of<TestType>) << ", hidden " << c.hidden << ": " << difference);
      CHECK(difference < (std::is_same_v<TestType, float> ? 1e-5 : 2e-2));
      model.append(be, Span<const TokenId>(&token, 1), cache, logits);
    }
  }
}

TEMPLATE_TEST_CASE("cuda decoder: asking again equals a new prompt of everything", "", float, bf16) {
  NEEDS_GPU();
  using B = CudaBackend<TestType>;
  B be = engine<TestType>();
  const auto model = decoder<SpatialKind>(be, fast_config(), dtype_of<TestType>);
  const Question q(model, words, pictures);
  const Asked<B> asked(be, q);
  Session<ProxyDecoder<B>> session(be, model, q.layout.rows() + 90);
  session.start(asked.prompt());
  auto all = session.generate({.max_tokens = 5});
  std::vector<TokenId> more;
  for (TokenId i = 0; i < 70; ++i) more.push_back(i + 3);
  session.say(small::span_of(more));
  std::vector<TokenId> everything = words;
  everything.insert(everything.end(), all.begin(), all.end());
  everything.insert(everything.end(), more.begin(), more.end());
  const Left whole = prompted(model, be, Question(model, everything, pictures));
  CHECK(small::deviation(values(be, session.logits()), whole.logits) < (std::is_same_v<TestType, float> ? 1e-5 : 5e-2));
}
