// Asking a checkpoint about a picture: load, encode once, ask many times, time every stage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxyv/model/lmm.hpp"

namespace asking {

namespace pv = proxyv;
using pv::index_t;

/// What one stage did.
struct Stage {
  index_t tokens = 0;
  double gflop = 0.0;        ///< with the exact savings, as run
  double plain_gflop = 0.0;  ///< the same tokens through a plain decoder
  double ms = 0.0;

  void operator+=(const Stage& other) {
    tokens += other.tokens;
    gflop += other.gflop;
    plain_gflop += other.plain_gflop;
    ms += other.ms;
  }
};

struct Answer {
  std::string question, text;
  Stage prefill, decode;
};

struct Report {
  Stage encode, prefill, decode;  ///< prefill: the picture's prompt and the questions
  std::vector<Answer> answers;
};

/// Which engine does it. Of cuda's element types eigen has only f32.
enum class Engine : std::uint8_t { eigen, cuda };

struct Options {
  Engine engine = Engine::eigen;
  pv::DType element = pv::DType::f32;  ///< of the engine's tensors
  int threads = 1;                     ///< of the eigen engine
  pv::GenerateOptions generate{.max_tokens = 256};
  std::optional<pv::DType> weights{};
  pv::RunForm form = pv::RunForm::as_trained;
  /// Called with the index of the question and each piece of its answer as it appears.
  std::function<void(std::size_t, const std::string&)> on_text{};
};

/// A checkpoint that answers questions about pictures.
class Asker {
 public:
  Asker() = default;
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  virtual ~Asker() = default;

  /// The picture's prompt runs once; every question starts from there, as if it were the first.
  virtual Report ask(const pv::Image& picture, const std::vector<std::string>& questions) const = 0;
};

/// Loads a checkpoint folder for the engine that the options name. Throws LoadError, and ArgumentError for an
/// engine that this build has not, or that finds no device.
std::unique_ptr<Asker> open(const std::string& folder, const Options& options);

// One translation unit each: they take the longest to compile. cuda only in builds with kernels.
std::unique_ptr<Asker> open_on_eigen(const std::string& folder, const Options& options);
std::unique_ptr<Asker> open_on_cuda(const std::string& folder, const Options& options);

}  // namespace asking
