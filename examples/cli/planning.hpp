// What commands that cost models without loading them share: presets, and counting a prefill.
#pragma once

#include <string>
#include <vector>

#include "proxyv/model/config.hpp"
#include "proxyv/proxy/savings.hpp"

namespace cli {

struct Preset {
  const char* name;
  proxyv::RuntimeConfig config;
};

/// The paper's backbones, and a toy.
const std::vector<Preset>& presets();
/// "vicuna-7b, ..."
std::string preset_names();
/// A preset by name, or what a checkpoint folder's config.json says. Throws ArgumentError.
proxyv::RuntimeConfig find_model(const std::string& name);

/// A prompt: one picture and text.
struct Workload {
  proxyv::index_t crops = 5, text = 50;
};

/// FLOPs of a prefill, by running the model on the counting engine.
struct Counted {
  double published = 0.0;  ///< as papers count: the plain form of the method
  double exact = 0.0;      ///< with the savings that change no result
};

/// Whichever decoder the configuration means: plain, ProxyV of either kind, a study, each with fewer tokens
/// where it says so.
Counted count_prefill(const proxyv::RuntimeConfig& config, const Workload& work);

/// The configuration without any method: every token through every layer.
proxyv::RuntimeConfig without_method(proxyv::RuntimeConfig config);

}  // namespace cli
