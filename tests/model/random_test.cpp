#include "proxyv/model/random.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

struct Made {
  WeightStore<R> kept;
  DecoderWeights<R> w;

  explicit Made(std::uint64_t seed, DType type = DType::f32, RuntimeConfig c = config())
      : w(random_weights(c, kept, {.seed = seed, .type = type})) {}
};

std::vector<float> floats(const Weight<>& w) {
  const auto* data = static_cast<const float*>(w.data());
  return {data, data + w.rows() * w.cols()};
}
std::vector<float> floats(Span<const float> x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("random: the seed and the name decide") {
  const Made a(1), again(1), other(2);
  CHECK(floats(a.w.layers[1].q) == floats(again.w.layers[1].q));
  CHECK(floats(a.w.layers[1].q) != floats(other.w.layers[1].q));
  CHECK(floats(a.w.layers[1].q) != floats(a.w.layers[0].q));
  CHECK(floats(a.w.layers[1].k) != floats(a.w.layers[1].v));
}

TEST_CASE("random: gains lie around one, biases around zero, matrices keep the scale") {
  RuntimeConfig c = config();
  c.hidden = 256;
  c.qkv_bias = true;
  const Made made(3, DType::f32, c);
  const auto mean = [](const std::vector<float>& x) {
    double sum = 0.0;
    for (const float v : x) sum += double{v};
    return sum / static_cast<double>(x.size());
  };
  CHECK(mean(floats(made.w.norm)) == Approx(1.0).margin(0.06));
  CHECK(mean(floats(made.w.newline)) == Approx(0.0).margin(0.06));
  CHECK(mean(floats(made.w.layers[0].q_bias)) == Approx(0.0).margin(0.2));
  auto squares = floats(made.w.layers[0].gate);
  for (float& v : squares) v *= v;
  CHECK(mean(squares) == Approx(1.0 / 256).epsilon(0.1));
}

TEST_CASE("random: 16-bit weights are the rounded ones") {
  const Made wide(1), narrow(1, DType::bf16);
  CHECK(narrow.w.embed.type() == DType::bf16);
  const auto* half = static_cast<const bf16*>(narrow.w.embed.data());
  const auto full = floats(wide.w.embed);
  for (std::size_t i = 0; i < full.size(); ++i) REQUIRE(half[i] == to_bf16(full[i]));
}

TEST_CASE("random: a decoder outlives everything but itself") {
  R be(options());
  const auto make = [&] { return random_decoder<Plain>(be, config(4), 5); };
  const auto model = make();
  const Question q(model, {1, 2, 3}, {});
  const auto first = prefill(model, be, q);
  CHECK(same(first, prefill(random_decoder<Plain>(be, config(4), 5), be, q)));
  CHECK(small::deviation(first.logits, prefill(random_decoder<Plain>(be, config(4), 6), be, q).logits) > 0.01);
  RuntimeConfig impossible = config();
  impossible.layers = -1;
  CHECK_THROWS_AS(random_decoder<Plain>(be, impossible), ArgumentError);
}
