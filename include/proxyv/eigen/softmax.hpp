// Softmax: of whole rows, and one online step of attention.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "proxyv/backend/mask.hpp"
#include "proxyv/eigen/activation.hpp"
#include "proxyv/eigen/rows.hpp"

namespace proxyv::inline v0 {
namespace detail {

inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// y = power(scale * x - top), top being the largest; returns the sum. y may be x.
template <class F>
[[gnu::always_inline]] inline float power_row(const float* x, float* y, index_t n, float scale, float top,
                                              F&& power) {
  Packet sum = splat(0.f);
  const Packet s = splat(scale), shift = splat(-top);
  index_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Packet e = power(madd(load(x + i), s, shift));
    sum = ei::padd(sum, e);
    store(y + i, e);
  }
  float total = ei::predux(sum);
  if (i < n) {
    alignas(64) float lane[lanes];
    store(lane, power(madd(load_part(x + i, n - i), s, shift)));
    for (index_t j = i; j < n; ++j) total += y[j] = lane[j - i];
  }
  return total;
}

/// Attention takes its softmax in powers of two: scores are scaled by log2(e) as well.
inline constexpr float log2e = 1.44269504f;

inline float exp2_row(const float* x, float* y, index_t n, float scale, float top) {
  return power_row(x, y, n, scale, top, [](Packet v) { return packet_exp2(v); });
}
inline float exp_row(const float* x, float* y, index_t n, float scale, float top) {
  return power_row(x, y, n, scale, top, [](Packet v) { return packet_exp(v); });
}

inline void scale_row(float* x, index_t n, float by) {
  const Packet s = splat(by);
  each_packet(n, [&](index_t i, auto count) { store(x + i, ei::pmul(load(x + i, count), s), count); });
}

/// The running state of one query's softmax: the largest score so far, and the sum relative to it.
struct OnlineRow {
  float top = minus_infinity;
  float sum = 0.f;

  /// Takes the next n raw scores into account, their weights being 2^(scale * score): brings the sum and
  /// `out` [dim], the weighted values so far, to the new top. Hidden scores are -infinity.
  void raise(const float* scores, index_t n, float scale, float* out, index_t dim) {
    float larger = std::max(top, row_max(scores, n) * scale);
    if (larger == minus_infinity) {
      // Nothing visible yet, or only scores that are not numbers: those must show.
      const auto* broken = std::find_if(scores, scores + n, [](float s) { return std::isnan(s); });
      if (broken == scores + n) return;
      larger = *broken;
    }
    const float shrink = top == minus_infinity ? 0.f : std::exp2(top - larger);
    sum *= shrink;
    if (shrink != 1.f && top != minus_infinity) scale_row(out, dim, shrink);
    top = larger;
  }
  /// What weights are relative to; before the first visible key any number does.
  float reference() const { return top == minus_infinity ? 0.f : top; }

  /// raise(), and the scores become weights: hidden ones exactly 0.
  void step(float* scores, index_t n, float scale, float* out, index_t dim) {
    raise(scores, n, scale, out, dim);
    sum += exp2_row(scores, scores, n, scale, reference());
  }
};

/// y = softmax(scale * x) over the visible entries; y may be x, table may be null.
inline void softmax_row(const float* x, float* y, index_t n, float scale, const std::uint8_t* table,
                        EmptyRow empty) {
  const float* from = x;
  float factor = scale;
  if (table != nullptr || scale < 0.f) {
    for (index_t j = 0; j < n; ++j) y[j] = table == nullptr || table[j] != 0 ? x[j] * scale : minus_infinity;
    from = y;
    factor = 1.f;
  }
  const float top = row_max(from, n) * factor;
  if (top == minus_infinity) {
    const bool nothing = table != nullptr && std::count(table, table + n, std::uint8_t{0}) == n;
    const float blank = nothing && empty == EmptyRow::uniform ? 1.f / static_cast<float>(n) : 0.f;
    for (index_t j = 0; j < n; ++j)
      y[j] = table == nullptr || table[j] != 0 ? std::numeric_limits<float>::quiet_NaN() : blank;
    return;
  }
  const float total = exp_row(from, y, n, factor, top);
  scale_row(y, n, 1.f / total);
}

inline void softmax_rows(View<const float> x, View<float> y, float scale, View<const std::uint8_t> table,
                         EmptyRow empty, int threads) {
  each_row(threads, x.rows(), 8 * x.cols(), [&](index_t i) {
    softmax_row(x.row(i), y.row(i), x.cols(), scale, table.empty() ? nullptr : table.row(i), empty);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
