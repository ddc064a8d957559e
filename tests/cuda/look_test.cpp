// The diagnostics on the CUDA engine, beside the reference engine.
#include <cmath>

#include "cuda/decoders.hpp"
#include "proxyv/look/attention.hpp"
#include "proxyv/look/proxy_map.hpp"
#include "support/catch.hpp"

using namespace gpu;
using tiny::image;

namespace {

/// Attention masses of some tokens in every layer, and one learned map, as numbers.
template <class K, class B>
std::vector<double> seen(B& be, const RuntimeConfig& c, const std::vector<look::Token>& tokens) {
  const auto model = random_decoder<typename K::template Model<B>>(be, c, std::uint64_t{11});
  const Question q(model, {1, image, 2, 3, 4}, {{2}});
  const Asked<B> asked(be, q);
  Session session(be, model, q.layout.rows());
  look::States states(be, c.layers);
  session.start(asked.prompt(), {.all_rows = true}, states);
  std::vector<double> out;
  for (const auto& layer :
       look::attention_masses(be, model, q.layout, states, session.cache(), small::span_of(tokens)))
    for (const auto& m : layer) out.insert(out.end(), {m.vision, m.proxies, m.newlines, m.text});
  for (const auto& map : look::proxy_maps(be, model, states))
    for (index_t p = 0; p < map.made_of.rows(); ++p)
      for (index_t t = 0; t < map.made_of.cols(); ++t) out.push_back(double{map.made_of(p, t)});
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("cuda look: attention and proxy maps agree with the reference engine", "", SpatialKind,
                   LearnedKind) {
  NEEDS_GPU();
  using look::Segment;
  const std::vector<look::Token> tokens{
      {Segment::text, 3}, {Segment::newline, 1}, {Segment::proxy, 1}, {Segment::vision, 5}};
  auto be = engine<float>();
  for (const auto& c : {tiny::config(2, TestType::learned), fast_config(TestType::learned)}) {
    ReferenceBackend roomy(tiny::options(8 << 20));
    const auto a = seen<TestType>(be, c, tokens), b = seen<TestType>(roomy, c, tokens);
    REQUIRE(a.size() == b.size());
    double worst = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
    CHECK(worst < 2e-5);
  }
}
