#include "proxyv/model/stack.hpp"

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

struct Seen {
  index_t layer;
  std::vector<float> vision, rest, proxies;
  index_t splat_rows;
};

struct Recorder {
  std::vector<Seen>& seen;
  void operator()(const LayerEvent<R>& e) const {
    seen.push_back({e.layer, small::values(e.vision), small::values(e.rest), small::values(e.proxies), e.splat.rows()});
  }
};

template <class Model>
std::vector<Seen> watch(const RuntimeConfig& c, const std::vector<TokenId>& ids, const std::vector<ImageSlot>& images,
                        const PrefillOptions& how = {.all_rows = true}) {
  R be(options());
  const auto model = random_decoder<Model>(be, c);
  const Question q(model, ids, images);
  std::vector<Seen> seen;
  prefill(model, be, q, how, Recorder{seen});
  return seen;
}

std::vector<index_t> layers(const std::vector<Seen>& seen) {
  std::vector<index_t> out;
  for (const Seen& s : seen) out.push_back(s.layer);
  return out;
}

template <class... Stacks>
std::string refused(const RuntimeConfig& c) {
  R be(options());
  return error_of<ArgumentError>([&] { random_decoder<Decoder<R, RuntimeConfig, Stacks...>>(be, c); });
}

}  // namespace

TEST_CASE("stack: a hook sees the embeddings and every layer, proxies from their start on") {
  const auto seen = watch<Spatial>(config(2), {1, image, 2, 3}, {{2}});
  REQUIRE(layers(seen) == std::vector<index_t>{-1, 0, 1, 1, 2, 3});
  for (const Seen& s : seen) {
    CHECK(s.vision.size() == 32 * 16);
    CHECK(s.rest.size() == (2 + 3) * 16);
    CHECK(s.splat_rows == 0);
  }
  CHECK(seen[2].proxies.empty());
  CHECK(seen[3].proxies.size() == 8 * 16);
  CHECK(small::same_bits(seen[3].vision, seen[2].vision));  // the same state, now with its first proxies
  CHECK_FALSE(small::same_bits(seen[4].vision, seen[3].vision));
  CHECK_FALSE(small::same_bits(seen[5].proxies, seen[4].proxies));
}

TEST_CASE("stack: the first event holds what went in") {
  const auto seen = watch<Plain>(config(4), {1, image, 2, 3}, {{2}});
  CHECK(layers(seen) == std::vector<index_t>{-1, 0, 1, 2, 3});
  CHECK(small::same_bits(seen[0].vision, small::noise(32, 16, 100).values));
  CHECK(std::equal(seen[0].rest.begin(), seen[0].rest.begin() + 16, seen[0].rest.begin() + 16));  // two newlines
}

TEST_CASE("stack: hooks with proxies from the first layer, in no layer, and without a picture") {
  CHECK(layers(watch<Spatial>(config(0), {1, image}, {{1}})) == std::vector<index_t>{-1, -1, 0, 1, 2, 3});
  CHECK(layers(watch<Spatial>(config(4), {1, image}, {{1}})) == std::vector<index_t>{-1, 0, 1, 2, 3});
  CHECK(layers(watch<Spatial>(config(2), {1, 2, 3}, {})) == std::vector<index_t>{-1, 0, 1, 2, 3});
}

TEST_CASE("stack: learned proxies bring their splat, rows that add up to one") {
  R be(options());
  const auto model = random_decoder<Learned>(be, config(1, true));
  const Question q(model, {1, image, 2}, {{2}});
  std::vector<double> sums;
  prefill(model, be, q, {}, [&](const LayerEvent<R>& e) {
    if (e.layer != 2) return;
    REQUIRE(e.splat.rows() == 32);
    REQUIRE(e.splat.cols() == 4);
    for (index_t i = 0; i < 32; ++i) sums.push_back(double{e.splat(i, 0)} + double{e.splat(i, 1)} + double{e.splat(i, 2)} + double{e.splat(i, 3)});
  });
  REQUIRE(sums.size() == 32);
  for (const double sum : sums) CHECK(sum == Approx(1.0));
}

TEST_CASE("stack: with dead rows left out only the wanted row moves in the last layer") {
  for (const auto& c : {config(2), config(4)}) {
    const auto all = watch<Spatial>(c, {1, image, 2, 3}, {{1}}), some = watch<Spatial>(c, {1, image, 2, 3}, {{1}}, {});
    const Seen &last = all.back(), &kept = some.back(), &before = some[some.size() - 2];
    const std::size_t row = 3 * 16;  // newline, text, text, wanted text
    CHECK(small::deviation({kept.rest.begin() + row, kept.rest.end()}, {last.rest.begin() + row, last.rest.end()}) < 1e-6);
    CHECK(small::same_bits({kept.rest.begin(), kept.rest.begin() + row}, {before.rest.begin(), before.rest.begin() + row}));
    CHECK(small::same_bits(kept.vision, before.vision));
  }
}

TEST_CASE("stack: counts that do not fit a configuration read at run time") {
  CHECK(refused<Stack<3, DecoderLayer>>(config(4)) == "Decoder: the stacks' layer counts add up to 3, the configuration has 4 layers");
  CHECK(refused<Stack<5, DecoderLayer>>(config(4)) == "Decoder: the stacks name more than the 4 layers of the configuration");
  CHECK(refused<Stack<3, DecoderLayer>, ProxyStack<1, BilinearPool, VisionUpdate>>(config(2)) ==
        "ProxyStack: begins at layer 3, the configuration says proxy_start = 2");
  CHECK(refused<Stack<2, DecoderLayer>, ProxyStack<1, BilinearPool, VisionUpdate>>(config(2)) ==
        "ProxyStack: layers 2..2 of 4; proxies go on to the last layer");
  CHECK(refused<Stack<dyn, DecoderLayer>, ProxyStack<dyn, BilinearPool, VisionUpdate>>(config(2, true)) ==
        "ProxyStack: the configuration says learned_proxies = 1, the pool is spatial");
  CHECK(refused<Stack<dyn, DecoderLayer>, ProxyStack<dyn, LearnedPool, SplatUpdate>>(config(2)) ==
        "ProxyStack: the configuration says learned_proxies = 0, the pool is learned");
}
