// A library's products beside ours, at the shapes of LMM prefill and decoding:
//   PROGRAM --shapes all|GROUP|SHAPE,... --threads 1,2 --repetitions N --json FILE
// One program per library, for two that offer cblas cannot be in one; peer_library and add_peer_methods are
// its.
#include "proxyv/eigen.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "../../../examples/cli/bench/machine.hpp"
#include "../../../examples/cli/program.hpp"
#include "../../../examples/cli/write_text.hpp"
#include "measure.hpp"

namespace proxyv::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string shapes = "all", json;
  std::vector<int> threads{1, 2};
  Timing timing;
};

/// Our engine on each copy of a problem's weights, as they are or packed beforehand.
class Ours {
 public:
  Ours(const Problem& p, DType type, bool pack, Precision precision)
      : problem_(p),
        be_(HostOptions{.threads = p.threads}, default_cpu_level(), precision),
        x_(p.x.data(), p.shape.rows, p.shape.depth) {
    for (index_t copy = 0; copy < p.copies; ++copy) {
      const void* rows = type == DType::f32 ? static_cast<const void*>(p.weights(copy)) : p.weights16(copy);
      const Weight<> w(rows, type, p.shape.cols, p.shape.depth);
      weights_.push_back(
          pack ? packed_weight<EigenBackend>(be_, w, [&](Buffer<std::byte> b) { return keep(b); }) : w);
    }
  }

  void operator()(index_t copy) {
    be_.gemm(x_, weights_[static_cast<std::size_t>(copy)],
             {problem_.y.data(), problem_.shape.rows, problem_.shape.cols}, {});
  }

 private:
  std::byte* keep(Buffer<std::byte>& memory) {
    packed_.push_back(std::move(memory));
    return packed_.back().data();
  }

  const Problem& problem_;
  EigenBackend be_;
  View<const float> x_;
  std::vector<Weight<>> weights_;
  std::vector<Buffer<std::byte>> packed_;
};

void add_our_methods(const Problem& p, std::vector<Method>& methods) {
  const auto add = [&](std::string name, std::string beside, DType type, bool pack, Precision precision) {
    const auto ours = std::make_shared<Ours>(p, type, pack, precision);
    const bool pairs = precision == Precision::bf16_products;
    methods.push_back({.name = std::move(name),
                       .against = pairs ? Ceiling::dot : Ceiling::fma,
                       .x_rounded = pairs,
                       .w_rounded = type == DType::bf16,
                       .beside = std::move(beside),
                       .run = [ours](index_t copy) { (*ours)(copy); }});
  };
  for (const bool pack : {false, true}) {
    const std::string packed = pack ? " packed" : "";
    add("proxyv f32" + packed, "", DType::f32, pack, Precision::f32);
    add("proxyv bf16 weights" + packed, "proxyv f32" + packed, DType::bf16, pack, Precision::f32);
    // One row is multiplied exactly in either precision.
    if (default_cpu_level() == CpuLevel::avx512bf16 && !p.shape.decode())
      add("proxyv bf16" + packed, "", DType::bf16, pack, Precision::bf16_products);
  }
}

const Row* find(const std::vector<Row>& rows, const std::string& name) {
  for (const Row& r : rows)
    if (r.name == name) return &r;
  return nullptr;
}

Json json_of(const Problem& p, const Row& r, const Row* ours) {
  Json out{{"shape", p.shape.text()},
           {"threads", p.threads},
           {"method", r.name},
           {"ms", 1e3 * r.median()},
           {"best_ms", 1e3 * r.best()},
           {p.shape.decode() ? "gb_per_s" : "gflop_per_s", 1e-9 * r.rate()},
           {"ceiling", ceiling_name(r.against)},
           {"ceiling_per_s", Row::median_of(r.ceiling)},
           {"share", r.share()},
           {"disturbed", r.disturbed()},
           {"samples_ms", Json::array()}};
  for (double s : r.seconds) out["samples_ms"].push_back(1e3 * s);
  if (ours != nullptr) {
    out["beside"] = ours->name;
    out["ours_times_faster"] = r.times_faster(*ours);
  }
  return out;
}

void print(const Problem& p, const Row& r, const Row* ours) {
  std::printf("%-16s %dT  %-26s %10.3f ms %8.1f %-7s %5.1f %% of %s%s", p.shape.text().c_str(), p.threads,
              r.name.c_str(), 1e3 * r.median(), 1e-9 * r.rate(), p.shape.decode() ? "GB/s" : "GFLOP/s",
              100.0 * r.share(), ceiling_name(r.against), r.disturbed() ? " ~" : "");
  if (ours != nullptr) std::printf("; %s is %.2f x as fast", ours->name.c_str(), r.times_faster(*ours));
  std::printf("\n");
  std::fflush(stdout);
}

void run(const Options& o) {
  const std::vector<Shape> shapes = parse_shapes(o.shapes);
  Json out{{"proxyv_gemm_peer", 1},
           {"library", peer_library()},
           {"machine", ::bench::machine_text()},
           {"repetitions", o.timing.repetitions},
           {"rows", Json::array()}};
  std::printf("# %s; %s; ~ other programs used the machine\n", peer_library().c_str(),
              ::bench::machine_text().c_str());
  Ceilings ceilings;
  for (const Shape& shape : shapes)
    for (const int threads : o.threads) {
      const Problem problem(shape, threads);
      std::vector<Method> methods;
      add_our_methods(problem, methods);
      add_peer_methods(problem, methods);
      const std::vector<Row> rows = measure(problem, methods, ceilings, o.timing);
      for (const Row& r : rows) {
        const Row* ours = find(rows, r.beside);
        print(problem, r, ours);
        out["rows"].push_back(json_of(problem, r, ours));
      }
    }
  if (!o.json.empty()) cli::write_text(o.json, out.dump(1) + "\n");
}

}  // namespace
}  // namespace proxyv::bench

int main(int argc, char** argv) {
  using namespace proxyv::bench;
  CLI::App app{"Products of " + peer_library() + " beside ours"};
  Options o;
  app.add_option("--shapes", o.shapes,
                 "all; or groups (vicuna, small, decode, quick) and shapes, joined by commas")
      ->capture_default_str();
  app.add_option("--threads", o.threads, "Numbers of threads, joined by commas")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--repetitions", o.timing.repetitions)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--seconds", o.timing.seconds, "That a repetition lasts at least")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 60.0));
  app.add_option("--patience", o.timing.patience,
                 "Seconds to wait before a repetition while others use the machine")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--json", o.json, "File to write");
  return cli::run_program(app, argc, argv, "gemm peer", [&] {
    run(o);
    return 0;
  });
}
