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

  bash tests/golden.sh [--engine eigen|reference] [--weights f32|bf16] [--threads N] FILE...

  --engine   the engine to run on; eigen unless told
  --weights  bf16: round all weight matrices to bf16 first; f32 (the default): as stored
  --threads  for the eigen engine; as many as there are cores, at most 4, unless told

One line per file: PASS|FAIL|SKIP, name, worst relative error, its tensor, and a reason for FAIL and SKIP.
An error is max |found - wanted| / max |wanted| of a tensor.
  f32    2e-5 for all tensors, 1e-5 for logits; integers, masks and greedy tokens must be equal
  bf16   where rounding changes weights: 1e-1 for all tensors, since the file's results are those of the
         weights as they were; greedy tokens are not compared, and the file's own are fed
         where it changes none (the file's weights fit bf16): as f32
Skipped are: batches of more than one row, the modes attn_skip, attn_ffn_skip and mask_v2v, family phi3.
A model file is run with the exact savings and in plain form, all rows carried through; then only what the
answer needs; then with the caller's own embeddings.
Exit status: 0 when no file failed, 1 when one did, 2 for a wrong command line.

Example:
  bash tests/golden.sh --engine reference tests/golden/data/*.safetensors
)";

struct CommandLine {
  Settings settings;
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

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  line.settings.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) wrong_usage(std::string(word) + " wants a value");
      return argv[++i];
    };
    const auto either = [&](const char* first, const char* second) {
      const std::string chosen = value();
      if (chosen != first && chosen != second)
        wrong_usage(std::string(word) + " wants " + first + " or " + second);
      return chosen == second;
    };
    if (word == "--help") {
      std::fputs(help, stdout);
      std::exit(0);
    } else if (word == "--engine") {
      line.settings.reference = either("eigen", "reference");
    } else if (word == "--weights") {
      if (either("f32", "bf16")) line.settings.weights = DType::bf16;
    } else if (word == "--threads") {
      line.settings.threads = thread_count(value());
    } else if (word.starts_with("-")) {
      wrong_usage("unknown option " + io::in_quotes(word));
    } else {
      line.files.emplace_back(word);
    }
  }
  if (line.files.empty()) wrong_usage("no files");
  return line;
}

/// The file's name without folder and ".safetensors".
std::string name_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  constexpr std::string_view ending = ".safetensors";
  if (name.size() > ending.size() && name.ends_with(ending)) name.resize(name.size() - ending.size());
  std::replace(name.begin(), name.end(), ' ', '_');
  return io::shown_path(name);
}

/// One file; false when it failed.
bool run(const std::string& path, const Settings& settings) {
  Report report;
  try {
    const GoldenFile file(path);
    (settings.reference ? check_on_reference : check_on_eigen)(file, settings, report);
    if (report.compared() == 0 && !report.failed() && !report.skipped()) report.fail("nothing to compare");
  } catch (const std::exception& error) {
    report.fail(error.what());
  }
  std::puts(report.line(name_of(path)).c_str());
  std::fflush(stdout);
  return !report.failed();
}

}  // namespace
}  // namespace golden

int main(int argc, char** argv) {
  const golden::CommandLine line = golden::parse(argc, argv);
  int failed = 0;
  for (const std::string& path : line.files) failed += golden::run(path, line.settings) ? 0 : 1;
  return failed == 0 ? 0 : 1;
}
