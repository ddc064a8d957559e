// --engine and --dtype, alike in every program that asks.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "asking.hpp"

namespace cli {

struct EngineOptions {
  std::string engine = "eigen", dtype;

  void add_to(CLI::App& app) {
    app.add_option("--engine", engine, "What computes: eigen (CPU) or cuda (GPU)")
        ->capture_default_str()
        ->check(CLI::IsMember({"eigen", "cuda"}));
    app.add_option("--dtype", dtype, "Elements of its tensors; bf16 on cuda unless told, f32 on eigen always")
        ->check(CLI::IsMember({"bf16", "f16", "f32"}));
  }
  void choose(asking::Options& options) const {
    const bool cuda = engine == "cuda";
    options.engine = cuda ? asking::Engine::cuda : asking::Engine::eigen;
    options.element = cuda ? proxyv::DType::bf16 : proxyv::DType::f32;
    for (const auto type : {proxyv::DType::bf16, proxyv::DType::f16, proxyv::DType::f32})
      if (dtype == proxyv::dtype_name(type)) options.element = type;
  }
};

}  // namespace cli
