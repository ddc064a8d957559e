// proxyv-golden: runs files of inputs and wanted results on an engine, one line per file.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "golden/engines.hpp"

namespace golden {
namespace {

constexpr const char* help =
    R"(Runs golden files (see tests/golden/README.md) through the library and compares.

  bash tests/golden.sh [--engine eigen|reference|onednn|cuda] [--dtype f32|bf16|f16] [--weights f32|bf16|f16]
                       [--threads N] [--report FILE] FILE...

  --engine   the engine to run on; eigen unless told; onednn needs a build with oneDNN, cuda one with
             kernels, and a device
  --dtype    elements of the engine's tensors; f32 unless told; the others on cuda only
  --weights  round all weight matrices to this type first; unless told as stored, on cuda as --dtype says
  --threads  for the eigen and onednn engines; as many as there are cores, at most 4, unless told
  --report   also write lines "name tensor error" to this file, one for each tensor: the worst of all ways

One line per file: PASS|FAIL|SKIP, name, worst relative error, its tensor, and a reason for FAIL and SKIP.
An error is max |found - wanted| / max |wanted| of a tensor.
  f32    2e-5 for all tensors, 1e-5 for logits; integers, masks and greedy tokens must be equal
  bf16   6e-2, and f16 8e-3, for all tensors: bounds that only tell a fault from rounding (torch_error.py
         judges finer); greedy tokens are not compared, and the file's own are fed
  weights rounded to a type other than --dtype: 1e-1 where that changes any, since the file's results are
         those of the weights as they were; where it changes none (they fit the type) as above
Files of token reduction are run in f32 with the weights as stored: which tokens are kept must be equal.
A model file is run with the exact savings and in plain form, all rows carried through; then only what the
answer needs; then with the caller's own embeddings. On cuda all that twice: op by op, where intermediate
results can be seen, and with the engine's fused ops, then also through one recorded decoding step. Rows of a
batch are run one by one and then together.
Exit status: 0 when no file failed, 1 when one did, 2 for a wrong command line or no CUDA device.

Example:
  bash tests/golden.sh --engine reference tests/golden/data/*.safetensors
)";

struct CommandLine {
  Settings settings;
  std::string report;  ///< where per-tensor lines go
  std::vector<std::string> files;
};

[[noreturn]] void wrong_usage(const std::string& what) {
  std::fprintf(stderr, "proxyv-golden: %s (--help tells more)\n", what.c_str());
  std::exit(2);
}

int thread_count(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(text) < 1) wrong_usage("--threads wants a number from 1 on");
  return std::stoi(text);
}

EngineName engine_name(const std::string& text) {
  if (text == "eigen") return EngineName::eigen;
  if (text == "reference") return EngineName::reference;
  if (text == "onednn") return EngineName::onednn;
  if (text == "cuda") return EngineName::cuda;
  wrong_usage("--engine wants eigen, reference, onednn or cuda");
}

DType element_type(const char* option, const std::string& text) {
  for (const DType type : {DType::f32, DType::bf16, DType::f16})
    if (text == dtype_name(type)) return type;
  wrong_usage(std::string(option) + " wants f32, bf16 or f16");
}

/// What the engine asked for can do in this build, on this machine.
void check_engine(const Settings& settings) {
  if (settings.engine != EngineName::cuda) {
    if (settings.element != DType::f32) wrong_usage("--dtype bf16 and f16 want --engine cuda");
#ifndef PROXYV_GOLDEN_ONEDNN
    if (settings.engine == EngineName::onednn) wrong_usage("--engine onednn: this build has no oneDNN");
#endif
    return;
  }
#ifdef PROXYV_GOLDEN_CUDA
  if (have_cuda_device()) return;
  std::puts("proxyv-golden: no CUDA device");
#else
  std::fprintf(stderr, "proxyv-golden: --engine cuda: this build has no kernels (-DPROXYV_CUDA=ON)\n");
#endif
  std::exit(2);
}

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  line.settings.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) wrong_usage(std::string(word) + " wants a value");
      return argv[++i];
    };
    if (word == "--help") {
      std::fputs(help, stdout);
      std::exit(0);
    } else if (word == "--engine") {
      line.settings.engine = engine_name(value());
    } else if (word == "--dtype") {
      line.settings.element = element_type("--dtype", value());
    } else if (word == "--weights") {
      line.settings.weights = element_type("--weights", value());
    } else if (word == "--threads") {
      line.settings.threads = thread_count(value());
    } else if (word == "--report") {
      line.report = value();
    } else if (word.starts_with("-")) {
      wrong_usage("unknown option " + io::in_quotes(word));
    } else {
      line.files.emplace_back(word);
    }
  }
  if (line.files.empty()) wrong_usage("no files");
  check_engine(line.settings);
  return line;
}

using Check = void (*)(const GoldenFile& file, const Settings& settings, Report& report);

Check check_of(const Settings& settings) {
  if (settings.engine == EngineName::reference) return check_on_reference;
#ifdef PROXYV_GOLDEN_ONEDNN
  if (settings.engine == EngineName::onednn) return check_on_onednn;
#endif
#ifdef PROXYV_GOLDEN_CUDA
  if (settings.engine == EngineName::cuda) {
    switch (settings.element) {
      case DType::f32: return check_on_cuda_f32;
      case DType::f16: return check_on_cuda_f16;
      case DType::bf16: return check_on_cuda_bf16;
    }
  }
#endif
  return check_on_eigen;
}

/// A file for per-tensor lines; none: nothing is written.
class TensorLines {
 public:
  explicit TensorLines(const std::string& path) {
    if (path.empty()) return;
    file_ = std::fopen(path.c_str(), "w");
    if (file_ == nullptr) wrong_usage("--report: cannot write " + io::in_quotes(path));
  }
  TensorLines(const TensorLines&) = delete;
  TensorLines& operator=(const TensorLines&) = delete;
  ~TensorLines() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void write(const std::string& lines) {
    if (file_ != nullptr) std::fputs(lines.c_str(), file_);
  }

 private:
  std::FILE* file_ = nullptr;
};

/// The file's name without folder and ".safetensors".
std::string name_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  constexpr std::string_view ending = ".safetensors";
  if (name.size() > ending.size() && name.ends_with(ending)) name.resize(name.size() - ending.size());
  std::replace(name.begin(), name.end(), ' ', '_');
  return io::shown_path(name);
}

/// One file; false when it failed.
bool run(const std::string& path, const Settings& settings, TensorLines& lines) {
  Report report;
  try {
    const GoldenFile file(path);
    check_of(settings)(file, settings, report);
    if (report.compared() == 0 && !report.failed() && !report.skipped()) report.fail("nothing to compare");
  } catch (const std::exception& error) {
    report.fail(error.what());
  }
  std::puts(report.line(name_of(path)).c_str());
  std::fflush(stdout);
  lines.write(report.tensor_lines(name_of(path)));
  return !report.failed();
}

}  // namespace
}  // namespace golden

int main(int argc, char** argv) {
  const golden::CommandLine line = golden::parse(argc, argv);
  golden::TensorLines lines(line.report);
  int failed = 0;
  for (const std::string& path : line.files) failed += golden::run(path, line.settings, lines) ? 0 : 1;
  return failed == 0 ? 0 : 1;
}
