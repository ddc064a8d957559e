// Lesson 1. Attention: one head, three tokens. First by hand, then by an engine.
#include <cmath>
#include <cstdio>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using lesson::Matrix;

// One row per token. A token asks with its query, is found by its key, and gives its value.
constexpr int tokens = 3, dim = 2;
const float queries[tokens][dim] = {{1, 0}, {0, 2}, {2, 1}};
const float keys[tokens][dim] = {{1, 0}, {0, 1}, {1, 1}};
const float values[tokens][dim] = {{10, 0}, {0, 10}, {5, 0}};

/// How much token `i` looks at each token: softmax of q.k / sqrt(dim), and never at a later token.
void look(int i, float weights[tokens]) {
  float sum = 0.f;
  for (int k = 0; k < tokens; ++k) {
    float score = 0.f;
    for (int d = 0; d < dim; ++d) score += queries[i][d] * keys[k][d];
    weights[k] = k <= i ? std::exp(score / std::sqrt(float{dim})) : 0.f;
    sum += weights[k];
  }
  for (int k = 0; k < tokens; ++k) weights[k] /= sum;
}

int main() {
  float by_hand[tokens][dim] = {};
  std::printf("who looks at whom\n        key 0  key 1  key 2\n");
  for (int i = 0; i < tokens; ++i) {
    float weights[tokens];
    look(i, weights);
    std::printf("token %d", i);
    for (int k = 0; k < tokens; ++k) {
      std::printf("  %.3f", static_cast<double>(weights[k]));
      for (int d = 0; d < dim; ++d) by_hand[i][d] += weights[k] * values[k][d];
    }
    std::printf("\n");
  }

  // The same with an engine. Views are windows into matrices that are ours; the engine copies nothing.
  Engine be({});
  const Matrix q(queries), k(keys), v(values);
  Matrix out(tokens, dim);
  const lesson::Ids positions{0, 1, 2};
  pv::AttentionArgsOf<Engine> args({.query = 1, .kv = 1, .dim = dim}, positions.span());
  args.add({.keys = k.view(),
            .values = v.view(),
            .visible = pv::Visible::causal,  // a key is seen when its position is not after the query's
            .positions = positions.span()});
  be.attention(q.view(), out.view(), args);

  std::printf("\nwhat each token takes away\n           by hand         engine\n");
  for (int i = 0; i < tokens; ++i)
    std::printf("token %d  %5.2f  %5.2f   %5.2f  %5.2f\n", i, static_cast<double>(by_hand[i][0]), static_cast<double>(by_hand[i][1]),
                static_cast<double>(out.view()(i, 0)), static_cast<double>(out.view()(i, 1)));
}
