#include "methods.hpp"

#include "proxyv/core/error.hpp"

namespace cli {
namespace {

namespace pv = proxyv;
using pv::index_t;
using pv::Study;

}  // namespace

pv::RuntimeConfig Method::on(pv::RuntimeConfig model, index_t start) const {
  model = without_method(model);
  model.proxy_start = start;
  model.learned_proxies = learned;
  model.study = study;
  model.update_inner = study.light_mlp ? model.hidden / 4 : pv::reference_update_inner(model.hidden);
  pv::check_config(model);
  return model;
}

const std::vector<Method>& methods() {
  static const std::vector<Method> all{
      {.key = "proxyv", .name = "ProxyV", .proxies = true},
      {.key = "proxyv-learned", .name = "ProxyV, learned proxies", .proxies = true, .learned = true},
      {.key = "mask", .name = "vision does not see vision", .study = {.kind = Study::mask_v2v}},
      {.key = "attn-drop", .name = "attention dropped", .study = {.kind = Study::attn_skip_drop}},
      {.key = "attn-keep",
       .name = "attention skipped, own value kept",
       .study = {.kind = Study::attn_skip_keep}},
      {.key = "attn-ffn", .name = "attention and FFN skipped", .study = {.kind = Study::attn_ffn_skip}},
      {.key = "attn-ffn-mlp",
       .name = "attention and FFN skipped, light MLP",
       .study = {.kind = Study::attn_ffn_skip, .light_mlp = true}}};
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
