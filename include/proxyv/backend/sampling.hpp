// Choosing the next token: options, counter-based random numbers, and the host algorithm.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

/// How the next token is chosen. Temperature 0 is greedy: the largest logit, lowest id on ties.
struct Sampling {
  float temperature = 0.f;  ///< divides the logits; 0 = greedy
  index_t top_k = 0;        ///< keep the k most likely tokens; 0 = all
  float top_p = 1.f;        ///< keep the fewest tokens whose probabilities reach top_p
  std::uint64_t seed = 0;   ///< the same seed gives the same tokens

  friend bool operator==(const Sampling&, const Sampling&) = default;

  void check() const {
    PROXYV_CHECK(temperature >= 0.f && std::isfinite(temperature), ArgumentError, "Sampling: temperature ", temperature,
                 ", wanted a finite number >= 0");
    PROXYV_CHECK(top_k >= 0, ArgumentError, "Sampling: top_k ", top_k, ", wanted >= 0");
    PROXYV_CHECK(top_p > 0.f && top_p <= 1.f, ArgumentError, "Sampling: top_p ", top_p, ", wanted in (0, 1]");
  }
};

/// Returned instead of a token when a logit is NaN or infinite.
inline constexpr TokenId not_a_token = -1;

/// Uniform in [0, 1), a pure function of seed and step: no state, any order, any thread.
inline double uniform(std::uint64_t seed, std::uint64_t step) {
  std::uint64_t z = seed * 0x9e3779b97f4a7c15u + (step + 1) * 0xd1342543de82ef95u;  // splitmix64 finaliser
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

namespace detail {

inline TokenId greedy_token(Span<const float> logits) {
  TokenId best = not_a_token;
  float value = -std::numeric_limits<float>::infinity();
  for (index_t i = 0; i < logits.size(); ++i) {
    if (!std::isfinite(logits[i])) return not_a_token;
    if (best == not_a_token || logits[i] > value) {
      best = static_cast<TokenId>(i);
      value = logits[i];
    }
  }
  return best;
}

}  // namespace detail

/// The host algorithm behind SampleOps.
/// logits [vocab] in; order [vocab] scratch; weights [vocab] scratch. Cost: O(vocab log vocab).
inline TokenId sample_token(Span<const float> logits, const Sampling& how, std::uint64_t step,
                            Span<std::int32_t> order, Span<float> weights) {
  const TokenId best = detail::greedy_token(logits);
  if (how.temperature == 0.f || best == not_a_token) return best;

  const float top = logits[best];
  for (index_t i = 0; i < logits.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  });
  index_t kept = how.top_k > 0 ? std::min(how.top_k, logits.size()) : logits.size();

  double total = 0.0;
  for (index_t i = 0; i < kept; ++i) {
    weights[i] = std::exp((logits[order[i]] - top) / how.temperature);
    total += static_cast<double>(weights[i]);
  }
  if (how.top_p < 1.f) {
    double mass = 0.0;
    index_t n = 0;
    while (n < kept && (n == 0 || mass < static_cast<double>(how.top_p) * total)) mass += static_cast<double>(weights[n++]);
    kept = n;
    total = mass;
  }

  double left = uniform(how.seed, step) * total;
  for (index_t i = 0; i < kept; ++i) {
    left -= static_cast<double>(weights[i]);
    if (left < 0.0) return order[i];
  }
  return order[kept - 1];
}

}  // namespace proxyv::inline v0
