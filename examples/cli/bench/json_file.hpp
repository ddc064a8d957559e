// Results as JSON, to keep and to compare with; and as CSV, for spreadsheets.
#pragma once

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "results.hpp"

namespace bench {

using Json = nlohmann::json;

inline constexpr int json_version = 1;

inline Json samples_json(const Samples& s) {
  if (s.empty()) return nullptr;
  return {{"median_ms", s.median()}, {"spread", s.spread()}, {"noise", s.noise()}, {"samples_ms", s.ms}};
}

/// What two runs must share for their times to mean the same.
inline Json workload_json(const Workload& w) {
  const pv::RuntimeConfig& c = w.config;
  return {{"model", w.model},       {"engine", w.engine},       {"element", w.element},
          {"weights", w.weights},   {"threads", w.threads},     {"crops", w.crops},
          {"text", w.text},         {"decode", w.decode},       {"encoder", w.encoder},
          {"hidden", c.hidden},     {"layers", c.layers},       {"heads", c.heads},
          {"kv_heads", c.kv_heads}, {"head_dim", c.head_dim},   {"ffn", c.ffn},
          {"vocab", c.vocab},       {"crop_side", c.crop_side}, {"update_inner", c.update_inner}};
}

inline Json result_json(const Result& r) {
  return {{"variant", r.setting.variant},
          {"start_layer", r.setting.start_layer},
          {"reduce", r.setting.reduce},
          {"encode", samples_json(r.encode)},
          {"prefill", samples_json(r.prefill)},
          {"decode", samples_json(r.decode)},
          {"layer_ms", r.layer_ms},
          {"encode_flops", r.encode_flops},
          {"prefill_flops", r.prefill_flops},
          {"paper_flops", r.paper_flops},
          {"prefill_bytes", r.prefill_bytes},
          {"decode_flops", r.decode_flops},
          {"decode_bytes", r.decode_bytes},
          {"workspace_bytes", r.workspace_bytes},
          {"cache_bytes", r.cache_bytes},
          {"vision", r.vision},
          {"proxies", r.proxies},
          {"rows", r.rows}};
}

inline Json run_json(const Run& run) {
  Json out{{"proxyv_bench", json_version},
           {"machine", run.machine},
           {"workload", workload_json(run.workload)},
           {"warm_up", run.workload.warm_up},
           {"repetitions", run.workload.repetitions},
           {"noise", run.noise()},
           {"ceilings", {{"gemm_flops", run.ceilings.gemm_flops}, {"copy_bytes", run.ceilings.copy_bytes}}},
           {"results", Json::array()}};
  for (const Result& r : run.results) out["results"].push_back(result_json(r));
  return out;
}

inline std::string run_csv(const Run& run) {
  std::string out =
      "variant,start_layer,reduce,encode_ms,prefill_ms,prefill_spread,decode_ms,decode_spread,prefill_gflop,"
      "paper_"
      "gflop,"
      "prefill_gflop_per_s,vision,proxies,rows\n";
  const auto number = [](double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", v);
    return std::string(text);
  };
  for (const Result& r : run.results) {
    const bool decoded = !r.decode.empty();
    out += r.setting.variant + "," +
           (r.setting.start_layer < 0 ? "" : std::to_string(r.setting.start_layer)) + "," +
           (r.setting.reduce < 0 ? "" : std::to_string(r.setting.reduce));
    out += r.encode.empty() ? "," : "," + number(r.encode.median());
    for (const double v : {r.prefill.median(), r.prefill.spread()}) out += "," + number(v);
    out += decoded ? "," + number(r.decode.median()) + "," + number(r.decode.spread()) : ",,";
    for (const double v :
         {r.prefill_flops / 1e9, r.paper_flops / 1e9, r.prefill_flops / 1e6 / r.prefill.median()})
      out += "," + number(v);
    for (const index_t v : {r.vision, r.proxies, r.rows}) out += "," + std::to_string(v);
    out += "\n";
  }
  return out;
}

/// What a comparison needs of an earlier run.
struct OldResult {
  Case setting;
  double encode_ms = 0.0, encode_noise = 0.0;  ///< 0: not measured
  double prefill_ms = 0.0, prefill_noise = 0.0;
  double decode_ms = 0.0, decode_noise = 0.0;  ///< 0: not measured
};
struct OldRun {
  Json workload;
  std::string machine;
  double noise = 0.0;
  std::vector<OldResult> results;
};

namespace detail {

/// A finite number of at least `least`.
inline double number_of(const Json& from, const char* name, double least, const std::string& path) {
  const auto at = from.find(name);
  PROXYV_CHECK(at != from.end() && at->is_number() && at->get<double>() >= least, pv::LoadError, path, ": ",
               name, ": wanted a number of at least ", least, ", found ",
               at == from.end() ? "nothing" : at->dump());
  return at->get<double>();
}

inline void read_samples(const Json& result, const char* name, double& ms, double& noise,
                         const std::string& path) {
  const auto at = result.find(name);
  PROXYV_CHECK(at != result.end() && (at->is_object() || at->is_null()), pv::LoadError, path, ": ", name,
               ": wanted an object or null");
  if (at->is_null()) return;
  ms = number_of(*at, "median_ms", 1e-9, path);
  noise = number_of(*at, "noise", 0.0, path);
}

}  // namespace detail

/// Reads what run_json wrote. Throws LoadError that names the file and the field.
inline OldRun parse_old_run(const std::string& text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, false);
  PROXYV_CHECK(json.is_object(), pv::LoadError, path, ": not JSON");
  PROXYV_CHECK(json.value("proxyv_bench", Json()) == json_version, pv::LoadError, path,
               ": proxyv_bench: wanted ", json_version, ", found ",
               json.value("proxyv_bench", Json()).dump());
  OldRun out;
  out.workload = json.value("workload", Json());
  PROXYV_CHECK(out.workload.is_object(), pv::LoadError, path, ": workload: wanted an object");
  const Json machine = json.value("machine", Json());
  PROXYV_CHECK(machine.is_string(), pv::LoadError, path, ": machine: wanted a string");
  out.machine = machine.get<std::string>();
  out.noise = detail::number_of(json, "noise", 0.0, path);
  const Json results = json.value("results", Json());
  PROXYV_CHECK(results.is_array(), pv::LoadError, path, ": results: wanted an array");
  for (const Json& r : results) {
    PROXYV_CHECK(r.is_object() && r.value("variant", Json()).is_string(), pv::LoadError, path,
                 ": results: wanted objects with a variant");
    OldResult old;
    old.setting.variant = r["variant"].get<std::string>();
    old.setting.start_layer = static_cast<index_t>(detail::number_of(r, "start_layer", -1.0, path));
    old.setting.reduce = static_cast<index_t>(detail::number_of(r, "reduce", -1.0, path));
    if (r.contains("encode")) detail::read_samples(r, "encode", old.encode_ms, old.encode_noise, path);
    detail::read_samples(r, "prefill", old.prefill_ms, old.prefill_noise, path);
    detail::read_samples(r, "decode", old.decode_ms, old.decode_noise, path);
    PROXYV_CHECK(old.prefill_ms > 0.0, pv::LoadError, path, ": prefill: wanted an object, found null");
    out.results.push_back(std::move(old));
  }
  return out;
}

inline OldRun read_old_run(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  PROXYV_CHECK(file.good(), pv::LoadError, path, ": cannot be opened");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  return parse_old_run(text, path);
}

}  // namespace bench
