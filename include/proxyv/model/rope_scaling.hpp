// The published ways of stretching rotary embeddings to long texts, as the divisors engines take.
//
// Where a formula depends on the length of the text (dynamic, longrope), the length is chosen once, when the
// model is loaded: keys in a cache and later queries must turn alike.
#pragma once

#include <cmath>
#include <numbers>

#include "proxyv/backend/rotary.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

namespace detail {

template <class Divisor>
RotaryScaling scaled_pairs(index_t head_dim, Divisor&& divisor) {
  RotaryScaling out;
  out.pairs = head_dim / 2;
  PROXYV_CHECK(head_dim > 0 && head_dim % 2 == 0 && out.pairs <= RotaryScaling::max_pairs, ArgumentError,
               "rope scaling: head size ", head_dim, ", wanted an even number up to ",
               2 * RotaryScaling::max_pairs);
  for (index_t i = 0; i < out.pairs; ++i) {
    const double d = divisor(i);
    PROXYV_CHECK(d > 0.0 && d <= 1e12, ArgumentError, "rope scaling: divisor ", i, " is ", d,
                 ", wanted a positive number");
    out.divisor[static_cast<std::size_t>(i)] = d;
  }
  return out;
}

inline void check_factor(const char* form, double factor) {
  PROXYV_CHECK(factor >= 1.0 && factor <= 1e6, ArgumentError, form, ": factor ", factor,
               ", wanted a number from 1 on");
}

}  // namespace detail

/// All frequencies divided by factor.
inline RotaryScaling linear_scaling(index_t head_dim, double factor) {
  detail::check_factor("linear_scaling", factor);
  return detail::scaled_pairs(head_dim, [&](index_t) { return factor; });
}

/// Llama 3.1: wavelengths beyond original / low are divided by factor, those below original / high are not,
/// those between partly.  Source: apply_scaling of Meta's llama-models.
inline RotaryScaling llama3_scaling(index_t head_dim, double theta, double factor, double low, double high,
                                    index_t original) {
  detail::check_factor("llama3_scaling", factor);
  PROXYV_CHECK(low > 0.0 && high > low && original > 0, ArgumentError, "llama3_scaling: frequency factors ",
               low, " and ", high, " of ", original,
               " positions, wanted 0 < low < high and a positive number");
  const Rotary plain{head_dim, theta};
  return detail::scaled_pairs(head_dim, [&](index_t i) {
    const double turns = static_cast<double>(original) * plain.frequency(i) /
                         (2.0 * std::numbers::pi);  // over the original length
    if (turns < low) return factor;
    if (turns > high) return 1.0;
    const double kept = (turns - low) / (high - low);
    return 1.0 / ((1.0 - kept) / factor + kept);
  });
}

/// A base that grows with the text: for texts of up to `context` positions, of a model trained on `original`.
/// No scaling while context <= original.  Source: dynamic NTK scaling, LlamaDynamicNTKScalingRotaryEmbedding.
inline RotaryScaling dynamic_scaling(index_t head_dim, double factor, index_t original, index_t context) {
  detail::check_factor("dynamic_scaling", factor);
  PROXYV_CHECK(head_dim > 2 && original > 0 && context > 0, ArgumentError, "dynamic_scaling: ", context,
               " positions, ", original, " originally, heads of ", head_dim,
               ", wanted positive numbers and heads above 2");
  const double longer = static_cast<double>(std::max(context, original)) / static_cast<double>(original);
  const double dim = static_cast<double>(head_dim);
  const double base = std::pow(factor * longer - (factor - 1.0), dim / (dim - 2.0));
  auto out = detail::scaled_pairs(
      head_dim, [&](index_t i) { return std::pow(base, 2.0 * static_cast<double>(i) / dim); });
  out.max_positions = std::max(context, original);
  return out;
}

/// Phi-3's: a list of divisors for texts of up to `original` positions and one for longer ones.
/// longest: the positions the model is made for; amplitude: 0 for sqrt(1 + log(longest / original) /
/// log(original)). Source: Phi3LongRoPEScaledRotaryEmbedding of Hugging Face transformers.
inline RotaryScaling long_rope_scaling(Span<const double> short_factor, Span<const double> long_factor,
                                       index_t original, index_t longest, index_t context,
                                       double amplitude = 0.0) {
  PROXYV_CHECK(short_factor.size() == long_factor.size() && original > 1 && context > 0, ArgumentError,
               "long_rope_scaling: ", short_factor.size(), " short and ", long_factor.size(),
               " long factors, ", original, " positions originally, ", context, " wanted");
  const bool is_long = context > original;
  auto out = detail::scaled_pairs(2 * short_factor.size(),
                                  [&](index_t i) { return is_long ? long_factor[i] : short_factor[i]; });
  const double longer = static_cast<double>(longest) / static_cast<double>(original);
  const double formula =
      longer <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(longer) / std::log(static_cast<double>(original)));
  out.amplitude = amplitude > 0.0 ? amplitude : formula;
  out.max_positions = is_long ? std::max(context, longest) : original;
  return out;
}

}  // namespace proxyv::inline v0
