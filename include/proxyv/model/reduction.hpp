// Reduction: which vision tokens a model drops, where, and how many stay. Plain numbers, at compile time or
// read from a checkpoint.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// How a picture's reduced tokens are laid out for the decoder.
enum class ZipLayout : std::uint8_t {
  crop_major,  ///< crop after crop, a newline behind each: what ProxyV and this library's prompts want
  stitched,    ///< the authors' any-resolution order, without newlines; a single crop is one run with one
               ///< newline
};

/// VisionZip, in the encoder. Defaults: the authors'.
struct ZipSettings {
  index_t dominant = 191;   ///< tokens kept per crop, the class token among them; 0: VisionZip is off
  index_t contextual = 30;  ///< tokens that the others are merged into; 0: they are gone
  ZipLayout layout = ZipLayout::crop_major;

  constexpr bool on() const { return dominant > 0; }
  constexpr index_t tokens() const { return dominant + contextual; }
  static constexpr ZipSettings off() { return {0, 0, ZipLayout::crop_major}; }

  /// Throws ArgumentError when a crop of so many patches cannot give these tokens.
  void check(index_t patches) const {
    PROXYV_CHECK(
        dominant >= 1 && contextual >= 0 && dominant <= patches + 1 && contextual <= patches + 1 - dominant,
        ArgumentError, "VisionZip: ", dominant, " dominant and ", contextual, " contextual tokens of ",
        patches, " patches and the class token, wanted at least 1 and 0, and no more than there are");
  }
  friend constexpr bool operator==(const ZipSettings&, const ZipSettings&) = default;
};

/// How a count is formed from a ratio, always in double.
enum class Rounding : std::uint8_t {
  down,       ///< int(n * ratio): PyramidDrop
  half_even,  ///< to nearest, halves to even: Python's round, FastV in the Hugging Face form
};

/// How many of n tokens stay.
struct Keep {
  double ratio = 1.0;  ///< of the original count
  index_t count = -1;  ///< this many instead, when >= 0
  Rounding rounding = Rounding::down;

  static constexpr Keep exactly(index_t n) { return {1.0, n, Rounding::down}; }

  index_t of(index_t n) const {
    if (count >= 0) return count < n ? count : n;
    const double product = static_cast<double>(n) * ratio;
    if (rounding == Rounding::down) return static_cast<index_t>(product);
    const double below = std::floor(product), part = product - below;
    const auto whole = static_cast<index_t>(below);
    return part > 0.5 || (part == 0.5 && whole % 2 != 0) ? whole + 1 : whole;
  }
  friend constexpr bool operator==(const Keep&, const Keep&) = default;
};

/// Who ranks the tokens, and what becomes of positions.
enum class DropRule : std::uint8_t {
  none,
  pyramid_drop,  ///< the layer behind the drop ranks with its own norm, queries and keys; positions are
                 ///< renumbered
  fast_v,        ///< the layer before the drop ranks with its own attention; positions stay
  fast_v_mask,   ///< the same, but nothing leaves: the keys of the others are hidden from there on
};

/// Drops inside the decoder: after layers[i] layers have run, keep[i] of the prompt's original vision tokens
/// stay.
struct DropSchedule {
  static constexpr index_t most = 8;

  DropRule rule = DropRule::none;
  index_t count = 0;
  std::array<index_t, most> layers{};
  std::array<Keep, most> keep{};
  bool per_crop = false;  ///< rank and count within each crop, so that every crop keeps equally many: what
                          ///< learned proxies need

  constexpr bool on() const { return count > 0; }

  /// PyramidDrop (arXiv 2410.17247): e.g. {8, 16, 24}, {0.5, 0.25, 0.125}.
  static constexpr DropSchedule pyramid_drop(std::initializer_list<index_t> layers,
                                             std::initializer_list<double> ratios) {
    DropSchedule s;
    s.rule = DropRule::pyramid_drop;
    PROXYV_CHECK(layers.size() == ratios.size() && layers.size() <= std::size_t{most}, ArgumentError,
                 "PyramidDrop: ", layers.size(), " layers and ", ratios.size(),
                 " ratios, wanted equally many, at most ", most);
    for (const index_t layer : layers) s.layers[static_cast<std::size_t>(s.count++)] = layer;
    index_t i = 0;
    for (const double ratio : ratios) s.keep[static_cast<std::size_t>(i++)].ratio = ratio;
    return s;
  }
  /// FastV (arXiv 2403.06764): K layers see everything, then `dropped` of the tokens are gone.
  static constexpr DropSchedule fast_v(index_t k = 2, double dropped = 0.5,
                                       DropRule rule = DropRule::fast_v) {
    DropSchedule s;
    s.rule = rule;
    s.count = 1;
    s.layers[0] = k;
    s.keep[0] = {1.0 - dropped, -1, Rounding::half_even};
    return s;
  }
  /// The even schedule of the PyramidDrop paper: `stages` runs of layers, each with lambda times the tokens
  /// before it.
  static DropSchedule even_pyramid(index_t decoder_layers, index_t stages, double lambda) {
    PROXYV_CHECK(stages >= 1 && stages <= most + 1 && decoder_layers >= stages, ArgumentError,
                 "PyramidDrop: ", stages, " stages of ", decoder_layers, " layers, wanted 1..", most + 1,
                 " and a layer for each");
    DropSchedule s;
    s.rule = DropRule::pyramid_drop;
    for (index_t i = 1; i < stages; ++i) {
      s.layers[static_cast<std::size_t>(s.count)] = i * (decoder_layers / stages);
      s.keep[static_cast<std::size_t>(s.count++)].ratio = std::pow(lambda, static_cast<double>(i));
    }
    return s;
  }

  /// The drop that happens after `layer` layers have run; -1: none.
  constexpr index_t at(index_t layer) const {
    for (index_t i = 0; i < count; ++i)
      if (layers[static_cast<std::size_t>(i)] == layer) return i;
    return -1;
  }

  /// Why a decoder of so many layers cannot run it; nullptr: it can.
  constexpr const char* fault(index_t decoder_layers) const {
    if (count < 0 || count > most) return "more drops than there is room for";
    if ((rule == DropRule::none) != (count == 0)) return "a rule without drops, or drops without a rule";
    if (rule != DropRule::pyramid_drop && count > 1) return "FastV drops once";
    if (rule == DropRule::fast_v_mask && per_crop) return "the mask form of FastV does not rank per crop";
    for (index_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (layers[at] < 1 || layers[at] >= decoder_layers)
        return "a drop needs a layer before it and one after it";
      if (i > 0 && layers[at] <= layers[at - 1]) return "the layers of the drops must ascend";
      if (!(keep[at].ratio >= 0.0 && keep[at].ratio <= 1.0)) return "a ratio must lie in 0..1";
      if (i > 0 && keep[at].count < 0 && keep[at - 1].count < 0 && keep[at].ratio > keep[at - 1].ratio)
        return "later drops cannot keep more";
    }
    return nullptr;
  }
  void check(index_t decoder_layers) const {
    const char* wrong = fault(decoder_layers);
    PROXYV_CHECK(wrong == nullptr, ArgumentError, "vision reduction: ", wrong);
  }
  friend constexpr bool operator==(const DropSchedule&, const DropSchedule&) = default;
};

/// Both places where tokens can be reduced; each may be off.
struct Reduction {
  ZipSettings zip = ZipSettings::off();
  DropSchedule drops{};

  constexpr bool on() const { return zip.on() || drops.on(); }
  friend constexpr bool operator==(const Reduction&, const Reduction&) = default;
};

}  // namespace proxyv::inline v0
