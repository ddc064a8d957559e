#include "proxyv/look/attention.hpp"

#include <cmath>

#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;
using look::Segment;
using look::Token;

namespace {

/// One call of the engine's attention, as the decoder made it: what every query gave every key.
struct Call {
  index_t keys = 0, heads = 0;
  std::vector<std::vector<double>> rows;  ///< per query, [heads * keys]
};

/// The reference engine, writing down the attention weights of all that a decoder asks of it.
struct Watching : R {
  using R::R;
  std::vector<Call> calls;

  void attention(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& args) {
    R::attention(q, o, args);
    Call call{args.keys(), args.heads.query, {}};
    const index_t dim = args.heads.dim, group = args.heads.query / args.heads.kv;
    for (index_t i = 0; i < q.rows(); ++i) {
      call.rows.emplace_back();
      for (index_t h = 0; h < call.heads; ++h) {
        std::vector<double> w;
        double sum = 0.0;
        for (index_t s = 0; s < args.count(); ++s) {
          const auto& g = args[s];
          for (index_t k = 0; k < g.keys.rows(); ++k) {
            const bool seen = g.visible == Visible::all || args.query_positions[i] >= g.positions[k];
            double dot = 0.0;
            for (index_t d = 0; d < dim; ++d)
              dot += double{q(i, h * dim + d)} * double{g.keys(k, h / group * dim + d)};
            w.push_back(seen ? std::exp(dot / std::sqrt(static_cast<double>(dim))) : 0.0);
            sum += w.back();
          }
        }
        for (const double x : w) call.rows.back().push_back(x / sum);
      }
    }
    calls.push_back(std::move(call));
  }
};

/// A prompt, run by a watching engine.
template <class Model>
struct Seen {
  Watching be{options()};
  Model model;
  Question q;
  KvCache<R> cache;
  look::States<Watching> states;

  explicit Seen(const RuntimeConfig& c)
      : model(random_decoder<Model>(be, c, {.seed = 5, .deviation = 0.6f})),
        q(model, {1, image, 5, 6, image, 7}, {{2}, {1}}),
        cache(be, model.cache_shape(q.layout.rows())),
        states(be, c.layers) {
    Matrix logits(1, model.config().vocab);
    model.prefill(be, q.prompt(), cache, logits, {.all_rows = true}, states);
  }
  std::vector<look::AttentionRow> attention(index_t layer, const std::vector<Token>& tokens) {
    return look::attention(be, model, q.layout, states, cache, layer, small::span_of(tokens));
  }
};

/// Keys [begin, begin + count) of every head of an AttentionRow against a row of a call.
void check_row(const look::AttentionRow& got, index_t begin, const Call& call, std::size_t row) {
  REQUIRE(got.looks());
  REQUIRE(got.weights.rows() == call.heads);
  double worst = 0.0;
  for (index_t h = 0; h < call.heads; ++h)
    for (index_t k = 0; k < call.keys; ++k)
      worst = std::max(worst, std::abs(got.weights(h, begin + k) -
                                       call.rows[row][static_cast<std::size_t>(h * call.keys + k)]));
  CHECK(worst < 1e-6);
}

}  // namespace

TEST_CASE("attention: in a plain layer, what the engine computed, for every kind of token") {
  Seen<Spatial> s(config(2));
  const index_t v = s.q.layout.vision(), p = s.q.layout.proxies();
  const std::vector<Token> tokens{{Segment::vision, 40}, {Segment::newline, 1}, {Segment::text, 3}};
  const std::vector<std::size_t> rows{40, 49, 54};
  for (const index_t layer : {0, 1}) {
    const Call& call = s.be.calls[static_cast<std::size_t>(layer)];
    const auto got = s.attention(layer, tokens);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      // the engine's keys have no proxies between vision and the rest
      for (index_t h = 0; h < call.heads; ++h) {
        for (index_t k = 0; k < call.keys; ++k)
          CHECK(got[t].weights(h, k < v ? k : k + p) ==
                Approx(call.rows[rows[t]][static_cast<std::size_t>(h * call.keys + k)]).margin(1e-6));
        for (index_t k = 0; k < p; ++k) CHECK(got[t].weights(h, v + k) == 0.0);
      }
    }
  }
}

TEST_CASE("attention: in a ProxyV layer, text sees vision and text, proxies see proxies and text") {
  Seen<Spatial> s(config(2));
  const index_t v = s.q.layout.vision(), p = s.q.layout.proxies();
  const std::vector<Token> tokens{{Segment::text, 2}, {Segment::proxy, 6}, {Segment::vision, 3}};
  for (const index_t layer : {2, 3}) {
    // two calls per layer: newlines and text over the cache, then proxies over the focus rows
    const Call& of_text = s.be.calls[static_cast<std::size_t>(2 + 2 * (layer - 2))];
    const Call& of_proxies = s.be.calls[static_cast<std::size_t>(3 + 2 * (layer - 2))];
    const auto got = s.attention(layer, tokens);
    check_row(got[1], v, of_proxies, 6);
    for (index_t h = 0; h < of_text.heads; ++h)
      for (index_t k = 0; k < of_text.keys; ++k)
        CHECK(got[0].weights(h, k < v ? k : k + p) ==
              Approx(of_text.rows[3 + 2][static_cast<std::size_t>(h * of_text.keys + k)]).margin(1e-6));
    CHECK_FALSE(got[2].looks());
    CHECK(got[1].mass(s.q.layout).vision == 0.0);
    CHECK(got[0].mass(s.q.layout).proxies == 0.0);
  }
}

TEST_CASE("attention: masses sum to one where a token looks, and are the weights' own sums") {
  Seen<Learned> s(config(2, true));
  std::vector<Token> tokens;
  for (const auto segment : {Segment::vision, Segment::proxy, Segment::newline, Segment::text})
    for (index_t i = 0; i < look::segment_rows(s.q.layout, segment); ++i) tokens.push_back({segment, i});
  const auto masses =
      look::attention_masses(s.be, s.model, s.q.layout, s.states, s.cache, small::span_of(tokens));
  REQUIRE(masses.size() == 4);
  for (std::size_t layer = 0; layer < 4; ++layer) {
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const bool looks = tokens[t].segment == Segment::proxy
                             ? layer >= 2
                             : tokens[t].segment != Segment::vision || layer < 2;
      CHECK(masses[layer][t].total() == Approx(looks ? 1.0 : 0.0).margin(1e-12));
    }
  }
  const auto last = s.attention(3, {look::last_token(s.q.layout)})[0];
  double text = 0.0;
  for (index_t h = 0; h < 4; ++h)
    for (index_t k = last.weights.cols() - s.q.layout.text(); k < last.weights.cols(); ++k)
      text += last.weights(h, k) / 4.0;
  CHECK(last.mass(s.q.layout).text == Approx(text));
  CHECK(text > 0.0);
}

TEST_CASE("attention: the first token sees itself alone") {
  Seen<Plain> s(config(4));
  const auto first = s.attention(0, {{Segment::text, 0}})[0];
  CHECK(first.mass(s.q.layout).text == 1.0);
  CHECK(first.weights(2, first.weights.cols() - s.q.layout.text()) == 1.0);
}

TEST_CASE("last_token: text, or the newline that ends a picture") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(2), 1);
  CHECK(look::last_token(Question(model, {1, image, 5, 6}, {{2}}).layout) == Token{Segment::text, 2});
  CHECK(look::last_token(Question(model, {1, image}, {{2}}).layout) == Token{Segment::newline, 1});
}

TEST_CASE("attention: what does not fit is refused") {
  Seen<Spatial> s(config(2));
  CHECK(small::error_of<ArgumentError>([&] {
          s.attention(0, {{Segment::text, 4}});
        }) == "look::attention: token 4 of 4 text");
  CHECK(small::error_of<ArgumentError>([&] {
          s.attention(4, {{Segment::text, 0}});
        }) == "Decoder: block 4 of 4");
  look::States<Watching> empty(s.be, 4);
  const std::vector<Token> tokens{{Segment::text, 0}};
  CHECK(small::error_of<ShapeError>([&] {
          look::attention(s.be, s.model, s.q.layout, empty, s.cache, 1, small::span_of(tokens));
        }) == "look::attention: the states before layer 1 are not of this prompt");
  s.cache.clear();
  CHECK(small::error_of<ShapeError>([&] { s.attention(0, tokens); }) ==
        "look::attention: the cache holds 0 rows of 4 layers, wanted 55 of 4");
}
