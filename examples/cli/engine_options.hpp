// --engine, --dtype and the like, alike in every program that runs a checkpoint.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <thread>

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

/// How a checkpoint is run: the engine, its threads, the weights, and which way the decoder goes.
struct RunOptions {
  EngineOptions engine;
  std::string weights;
  bool plain = false, proxyv = false;
  int threads = 0;

  void add_to(CLI::App& app) {
    auto* as_plain = app.add_flag("--plain", plain, "Run every token through every layer, whatever the checkpoint");
    app.add_flag("--proxyv", proxyv, "Insist on ProxyV")->excludes(as_plain);
    engine.add_to(app);
    app.add_option("--threads", threads, "Of the eigen engine; 0 = all cores")->capture_default_str()->check(CLI::Range(0, 1024));
    app.add_option("--weights", weights, "Convert weights; by default as stored, on cuda as --dtype")->check(CLI::IsMember({"f32", "bf16"}));
  }
  asking::Options asking() const {
    namespace pv = ::proxyv;
    asking::Options out;
    engine.choose(out);
    out.threads = threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    if (weights == "f32") out.weights = pv::DType::f32;
    if (weights == "bf16") out.weights = pv::DType::bf16;
    out.form = plain ? pv::RunForm::plain : proxyv ? pv::RunForm::proxyv : pv::RunForm::as_trained;
    return out;
  }
};

}  // namespace cli
