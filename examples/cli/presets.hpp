// Models by name, for programs that load none.
#pragma once

#include <string>
#include <vector>

#include "proxyv/model/presets.hpp"

namespace cli {

namespace pv = proxyv;
using pv::index_t;

struct Preset {
  const char* name;
  pv::RuntimeConfig config;
};

inline const std::vector<Preset>& presets() {
  using pv::RuntimeConfig;
  static const std::vector<Preset> all{{"vicuna-7b", RuntimeConfig::from(pv::presets::Vicuna7B{})},
                                       {"vicuna-13b", RuntimeConfig::from(pv::presets::Vicuna13B{})},
                                       {"llama3-8b", RuntimeConfig::from(pv::presets::Llama3_8B{})},
                                       {"qwen2-7b", RuntimeConfig::from(pv::presets::Qwen2_7B{})},
                                       {"phi3-3b", RuntimeConfig::from(pv::presets::Phi3_3B{})},
                                       {"internlm2-7b", RuntimeConfig::from(pv::presets::InternLM2_7B{})},
                                       {"tiny", RuntimeConfig::from(pv::presets::Tiny{})}};
  return all;
}

inline std::string preset_names() {
  std::string out;
  for (const Preset& p : presets()) out += (out.empty() ? "" : ", ") + std::string(p.name);
  return out;
}

}  // namespace cli
