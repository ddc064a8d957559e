// What commands that cost models without loading them share: counting a prefill.
#pragma once

#include "models.hpp"
#include "proxyv/proxy/savings.hpp"

namespace cli {

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
