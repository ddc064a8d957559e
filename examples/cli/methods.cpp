#include "methods.hpp"

#include <algorithm>

#include "proxyv/core/error.hpp"

namespace cli {
namespace {

namespace pv = proxyv;
using pv::index_t;
using pv::Study;

/// 25 of 36 tokens, 400 of the paper's 576, in the proportion of VisionZip's own.
pv::Reduction vision_zip(const pv::RuntimeConfig& model, index_t) {
  const index_t tokens = std::max<index_t>(1, model.crop_side * model.crop_side * 25 / 36),
                contextual = tokens * 3 / 20;
  return {.zip = {tokens - contextual, contextual, pv::ZipLayout::crop_major}, .drops = {}};
}
pv::Reduction pyramid_drop(const pv::RuntimeConfig& model, index_t) {
  return {.zip = pv::ZipSettings::off(),
          .drops = pv::DropSchedule::even_pyramid(model.layers, std::min<index_t>(4, model.layers), 0.65)};
}
pv::Reduction fast_v(const pv::RuntimeConfig&, index_t start) {
  return {.zip = pv::ZipSettings::off(), .drops = pv::DropSchedule::fast_v(start, 0.5)};
}

}  // namespace

pv::RuntimeConfig Method::on(pv::RuntimeConfig model, index_t start) const {
  model = without_method(model);
  if (reduction != nullptr) {
    model.reduction = reduction(model, start);
    pv::check_config(model);
    return model;
  }
  model.proxy_start = start;
  model.learned_proxies = learned;
  model.study = study;
  model.update_inner = study.light_mlp ? model.hidden / 4 : pv::reference_update_inner(model.hidden);
  pv::check_config(model);
  return model;
}

const std::vector<Method>& methods() {
  static const std::vector<Method> all{
      {.key = "proxyv", .name = "ProxyV"},
      {.key = "proxyv-learned", .name = "ProxyV, learned proxies", .learned = true},
      {.key = "mask", .name = "vision does not see vision", .study = {.kind = Study::mask_v2v}},
      {.key = "attn-drop", .name = "attention dropped", .study = {.kind = Study::attn_skip_drop}},
      {.key = "attn-keep",
       .name = "attention skipped, own value kept",
       .study = {.kind = Study::attn_skip_keep}},
      {.key = "attn-ffn", .name = "attention and FFN skipped", .study = {.kind = Study::attn_ffn_skip}},
      {.key = "attn-ffn-mlp",
       .name = "attention and FFN skipped, light MLP",
       .study = {.kind = Study::attn_ffn_skip, .light_mlp = true}},
      {.key = "vision-zip", .name = "VisionZip, 25 of 36 tokens", .reduction = vision_zip, .first_start = -1},
      {.key = "pyramid-drop",
       .name = "PyramidDrop, four stages, 0.65",
       .reduction = pyramid_drop,
       .first_start = -1},
      {.key = "fast-v", .name = "FastV, half the tokens", .reduction = fast_v, .first_start = 1}};
  return all;
}

const Method& find_method(const std::string& key) {
  std::string known;
  for (const Method& m : methods()) {
    if (key == m.key) return m;
    known += (known.empty() ? "" : ", ") + std::string(m.key);
  }
  PROXYV_CHECK(false, pv::ArgumentError, "no method \"", key, "\"; wanted one of ", known);
  return methods().front();
}

}  // namespace cli
