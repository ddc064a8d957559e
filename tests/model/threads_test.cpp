// One const model, threads with an engine and a cache each.
#include <thread>

#include "model/tiny.hpp"
#include "proxyv/eigen.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

template <class B>
struct Talk {
  std::vector<TokenId> tokens;
  std::vector<float> logits, cache;

  friend bool operator==(const Talk& a, const Talk& b) {
    return a.tokens == b.tokens && small::same_bits(a.logits, b.logits) && small::same_bits(a.cache, b.cache);
  }
};

template <class B>
using Model = ProxyDecoder<B>;

template <class B>
Talk<B> talk(const Model<B>& model, const Question& q) {
  B be(options());
  Session<Model<B>> s(be, model, 64);
  s.start({q.layout, q.features});
  Talk<B> out;
  out.tokens = s.generate({.max_tokens = 6, .sampling = {.temperature = 1.f, .seed = 5}});
  const std::vector<TokenId> more{4, 5};
  s.say(small::span_of(more));
  out.logits = small::values(s.logits());
  out.cache = contents(s.cache());
  return out;
}

template <class B>
void two_threads() {
  B be(options());
  const auto model = random_decoder<Model<B>>(be, config(2), 4);
  const Question a(model, {1, image, 2, 3}, {{1}}), b(model, {1, 9, image, 2}, {{2}});
  const auto alone_a = talk<B>(model, a), alone_b = talk<B>(model, b);
  CHECK_FALSE(alone_a == alone_b);
  for (int round = 0; round < 5; ++round) {
    Talk<B> from_a, from_b;
    std::thread first([&] { from_a = talk<B>(model, a); });
    std::thread second([&] { from_b = talk<B>(model, b); });
    first.join();
    second.join();
    CHECK(from_a == alone_a);
    CHECK(from_b == alone_b);
  }
}

}  // namespace

TEST_CASE("threads: two of them on one model give the bits of one, reference engine") { two_threads<ReferenceBackend>(); }
TEST_CASE("threads: two of them on one model give the bits of one, Eigen engine") { two_threads<EigenBackend>(); }
