// Models by name: the presets, or a checkpoint's config.json.
#pragma once

#include <filesystem>
#include <string>

#include "presets.hpp"
#include "proxyv/model/lmm.hpp"

namespace cli {

/// The sizes of a preset or of a checkpoint folder. Throws ArgumentError naming the presets, LoadError.
inline pv::RuntimeConfig find_model(const std::string& name) {
  for (const Preset& p : presets())
    if (name == p.name) return p.config;
  const std::string config = name + "/config.json";
  PROXYV_CHECK(std::filesystem::exists(config), pv::ArgumentError, "no model \"", name, "\"; wanted one of ", preset_names(),
               ", or a checkpoint folder with a config.json");
  return pv::runtime_config(pv::io::read_config(config));
}

}  // namespace cli
