#include "proxyv/model/weight_store.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

TEST_CASE("weight store: what is released is given back, the rest stays") {
  WeightStore<R> store;
  float* first = store.keep(host_buffer<float>(4));
  float* second = store.keep(host_buffer<float>(4));
  first[3] = 1.f, second[3] = 2.f;
  store.release(first);
  store.release(first);
  store.release(nullptr);
  CHECK(second[3] == 2.f);
}

TEST_CASE("weight store: files stay alive with it") {
  auto files = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = files;
  {
    const WeightStore<R> store(std::move(files));
    CHECK(!watch.expired());
  }
  CHECK(watch.expired());
}

TEMPLATE_TEST_CASE("weight store: a decoder without plain updates computes the same, and refuses the plain form", "", ProxyDecoder<R>, LearnedProxyDecoder<R>) {
  R be(options());
  RuntimeConfig c = config(2);
  c.learned_proxies = std::is_same_v<TestType, LearnedProxyDecoder<R>>;
  const auto whole = random_decoder<TestType>(be, c, RandomOptions{.seed = 4});
  const auto lean = random_decoder<TestType>(be, c, RandomOptions{.seed = 4, .plain_updates = false});
  const Question q(whole, {1, image, 2, 3}, {{2}});
  CHECK(tiny::deviation(prefill(lean, be, q), prefill(whole, be, q)) == 0.0);
  const PrefillOptions plain{.savings = Savings::none()};
  CHECK_NOTHROW(prefill(whole, be, q, plain));
  CHECK(small::error_of<ArgumentError>([&] { prefill(lean, be, q, plain); }).find("dropped") != std::string::npos);
}
