#include "proxyv/model/rope_scaling.hpp"

#include <vector>

#include "backend/small.hpp"
#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {

double frequency(index_t dim, double theta, const RotaryScaling& scaling, index_t pair) {
  return Rotary{dim, theta, scaling}.frequency(pair);
}
Span<const double> span(const std::vector<double>& v) { return {v.data(), static_cast<index_t>(v.size())}; }

}  // namespace

TEST_CASE("rope scaling: linear divides every frequency") {
  const auto s = linear_scaling(8, 4.0);
  CHECK(s.pairs == 4);
  CHECK(s.amplitude == 1.0);
  CHECK(s.max_positions == 0);
  for (index_t i = 0; i < 4; ++i)
    CHECK(frequency(8, 1e4, s, i) == Approx(Rotary{8, 1e4}.frequency(i) / 4.0).epsilon(1e-15));
}

TEST_CASE("rope scaling: llama3 keeps fast pairs, divides slow ones, and goes over smoothly") {
  // Llama 3.1: 8192 positions stretched 8 times, heads of 128. Pairs 0..28 turn more than four times over
  // 8192 positions, pairs from 36 on less than once.
  const auto s = llama3_scaling(128, 500000.0, 8.0, 1.0, 4.0, 8192);
  for (index_t i = 0; i < 64; ++i) {
    const double divisor = s.divisor[static_cast<std::size_t>(i)];
    if (i <= 28) CHECK(divisor == 1.0);
    if (i > 28 && i < 35) CHECK((divisor > s.divisor[static_cast<std::size_t>(i - 1)] && divisor < 8.0));
    if (i >= 35) CHECK(divisor == 8.0);
  }
  // Pair 32 turns 8192 / (2 pi 500000^(1/2)) = 1.84385 times, so 0.28128 of it is kept.
  CHECK(s.divisor[32] == Approx(2.694530).epsilon(1e-6));
}

TEST_CASE("rope scaling: dynamic grows the base with the text") {
  const auto within = dynamic_scaling(8, 2.0, 100, 50), beyond = dynamic_scaling(8, 2.0, 100, 300);
  for (index_t i = 0; i < 4; ++i) CHECK(within.divisor[static_cast<std::size_t>(i)] == 1.0);
  CHECK(within.max_positions == 100);
  CHECK(beyond.max_positions == 300);
  const double base = 1e4 * std::pow(2.0 * 3.0 - 1.0, 8.0 / 6.0);
  for (index_t i = 0; i < 4; ++i)
    CHECK(frequency(8, 1e4, beyond, i) == Approx(Rotary{8, base}.frequency(i)).epsilon(1e-14));
}

TEST_CASE("rope scaling: longrope has two lists and an amplitude") {
  const std::vector<double> few{1.0, 1.5}, many{2.0, 9.0};
  const auto s = long_rope_scaling(span(few), span(many), 4096, 131072, 4096),
             l = long_rope_scaling(span(few), span(many), 4096, 131072, 5000);
  CHECK(s.divisor[1] == 1.5);
  CHECK(l.divisor[1] == 9.0);
  CHECK(s.max_positions == 4096);
  CHECK(l.max_positions == 131072);
  CHECK(s.amplitude == Approx(1.190238).epsilon(1e-6));  // sqrt(1 + 5/12): 32 times 2^12
  CHECK(l.amplitude == s.amplitude);
  CHECK(long_rope_scaling(span(few), span(many), 4096, 4096, 1).amplitude == 1.0);
  CHECK(long_rope_scaling(span(few), span(many), 4096, 131072, 1, 1.25).amplitude == 1.25);
}

TEST_CASE("rope scaling: what cannot be is refused") {
  const std::vector<double> few{1.0, 1.5}, one{1.0}, zero{1.0, 0.0};
  CHECK(error_of<ArgumentError>([] { linear_scaling(8, 0.5); }) ==
        "linear_scaling: factor 0.500000, wanted a number from 1 on");
  CHECK(error_of<ArgumentError>([] { linear_scaling(7, 2.0); }) ==
        "rope scaling: head size 7, wanted an even number up to 512");
  CHECK(error_of<ArgumentError>([] { linear_scaling(514, 2.0); }) ==
        "rope scaling: head size 514, wanted an even number up to 512");
  CHECK_THROWS_AS(llama3_scaling(8, 1e4, 8.0, 4.0, 1.0, 8192), ArgumentError);
  CHECK_THROWS_AS(dynamic_scaling(2, 2.0, 100, 200), ArgumentError);
  CHECK_THROWS_AS(long_rope_scaling(span(few), span(one), 4096, 131072, 1), ArgumentError);
  CHECK_THROWS_AS(long_rope_scaling(span(few), span(zero), 4096, 131072, 5000), ArgumentError);
}

TEST_CASE("rope scaling: a decoder takes it, and no position beyond") {
  using namespace tiny;
  R be(options());
  RuntimeConfig c = config(2);
  c.rope_scaling = linear_scaling(c.head_dim, 3.0);
  const auto plain = random_decoder<Spatial>(be, config(2), 3), stretched = random_decoder<Spatial>(be, c, 3);
  const Question q(plain, {1, image, 2}, {{1}});
  CHECK(deviation(prefill(stretched, be, q), prefill(plain, be, q)) > 1e-3);
  CHECK(RuntimeConfig::from(c).rope_scaling == c.rope_scaling);

  c.rope_scaling = dynamic_scaling(c.head_dim, 2.0, 20, 20);  // divisors of one
  const auto short_one = random_decoder<Spatial>(be, c, 3);
  CHECK(same(prefill(short_one, be, q), prefill(plain, be, q)));  // 19 positions
  const Question longer(plain, {1, image, 2, 3, 4}, {{1}});
  CHECK(error_of<ArgumentError>([&] { prefill(short_one, be, longer); }) ==
        "prefill: a prompt of 21 positions, the rotary embedding was made for 20");
  Session<Spatial> session(be, short_one, 40);
  session.start(q.prompt());
  CHECK_NOTHROW(session.next_token());
  CHECK_NOTHROW(session.next_token());
  CHECK(error_of<ArgumentError>([&] { session.next_token(); }) ==
        "append: 1 tokens from position 20 on, wanted positions below 20");

  c.rope_scaling = linear_scaling(8, 2.0);
  CHECK(error_of<ArgumentError>([&] { check_config(c); }) == "config: rope_scaling of 4 pairs, wanted 2");
}
