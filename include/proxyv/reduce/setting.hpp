// Setting: a way of spending less on vision tokens, ready to be put on a model, and the settings of the
// ProxyV paper.
#pragma once

#include <array>

#include "proxyv/model/config.hpp"

namespace proxyv::inline v0 {
namespace reduce {

/// What is done about the vision tokens of a model.
struct Setting {
  Reduction reduction{};
  index_t proxy_start = -1;  ///< first layer with learned proxies; -1: none
  index_t crop_proxies = 0;  ///< learned proxies per crop

  /// The configuration of a model of these sizes that does it.
  RuntimeConfig on(RuntimeConfig c) const {
    c.reduction = reduction;
    c.learned_proxies = proxy_start >= 0;
    c.proxy_start = proxy_start >= 0 ? proxy_start : c.layers;
    c.crop_proxies = crop_proxies;
    if (proxy_start >= 0 && c.update_inner == 0) c.update_inner = reference_update_inner(c.hidden);
    return c;
  }
};

/// The token-reduction rows of the ProxyV paper (arXiv 2505.15816), for 5 crops of 576 tokens and 50 text
/// tokens. The paper prints what is saved, not the settings; these give its figures, each with one number of
/// ours in it.
namespace presets {

/// 400 of 576 tokens per crop: the only square that saves what is printed, and a square is what the
/// reference's learned proxies need. How the 400 split does not follow from the paper; 340 + 60 is the
/// proportion of VisionZip's own.
inline Setting vision_zip() { return {.reduction = {.zip = {340, 60, ZipLayout::crop_major}, .drops = {}}}; }
/// The authors' layers, with 0.65 of the tokens from stage to stage instead of their 0.5, which would save 54
/// %.
inline Setting pyramid_drop() {
  return {.reduction = {.zip = ZipSettings::off(), .drops = DropSchedule::even_pyramid(32, 4, 0.65)}};
}
/// VisionZip's 400 tokens and 25 = 400 / 16 learned proxies per crop from layer 12 on.
inline Setting proxyv_on_vision_zip() {
  return {.reduction = vision_zip().reduction, .proxy_start = 12, .crop_proxies = 25};
}
/// FastV's own default: two layers see everything, half the tokens the others. Not a row of the paper.
inline Setting fast_v() {
  return {.reduction = {.zip = ZipSettings::off(), .drops = DropSchedule::fast_v(2, 0.5)}};
}

/// One line of a table: a setting, and the saving printed for it (0: none is).
struct Row {
  const char* name;
  Setting setting;
  double printed_percent;
};
inline std::array<Row, 4> rows() {
  return {{{"VisionZip, 400 of 576 tokens per crop", vision_zip(), 32.0},
           {"PyramidDrop, [8, 16, 24], 0.65", pyramid_drop(), 42.0},
           {"learned ProxyV from layer 12 on VisionZip, 25 proxies per crop", proxyv_on_vision_zip(), 62.0},
           {"FastV, K = 2, R = 50 %", fast_v(), 0.0}}};
}

}  // namespace presets
}  // namespace reduce
}  // namespace proxyv::inline v0
