// Runs a file of kind "unit" on one engine, operation by operation.
#pragma once

#include "golden/probe.hpp"
#include "golden/unit_layers.hpp"
#include "golden/unit_proxy.hpp"

namespace golden {

template <class B>
void check_operation(EngineOp<B>& op) {
  using Check = void (*)(EngineOp<B>&);
  static constexpr std::pair<const char*, Check> checks[] = {
      {"rms_norm", check_rms_norm<B>},
      {"rope", check_rope<B>},
      {"swiglu", check_swiglu<B>},
      {"masked_softmax", check_masked_softmax<B>},
      {"attention", check_attention<B>},
      {"decoder_layer", check_decoder_layer<B>},
      {"spatial_proxy_init", check_spatial_proxy_init<B>},
      {"learned_proxy_init", check_learned_proxy_init<B>},
      {"vision_update", check_vision_update<B>},
      {"light_mlp", check_light_mlp<B>},
      {"pool_2d", [](EngineOp<B>& any) { check_pool_2d(any); }},
      {"anyres", [](EngineOp<B>& any) { check_anyres(any); }},
      {"pack", [](EngineOp<B>& any) { check_pack(any); }},
  };
  for (const auto& [name, check] : checks)
    if (op.name() == name) return check(op);
  io::refuse(op.record().place("op"), "a known operation", io::in_quotes(op.name()));
}

/// All operations of the file on one engine. With a Probe, which sees everything, each output that the file
/// lists must have been compared in the end.
template <class B>
void check_operations(const GoldenFile& file, const Settings& settings, Report& report) {
  B maker = make_engine<B>(settings.threads);
  const io::JsonValue ops = file.json("ops");
  for (const io::JsonValue& record : io::as_array(ops, {io::shown_path(file.where("ops")), "ops"})) {
    report.begin(Probing<B> ? "" : "fused ops");
    EngineOp<B> op(file, record, settings, report, maker);
    check_operation<B>(op);
    if constexpr (!Probing<B>) continue;
    const io::JsonPlace place = op.record().place("outputs");
    for (const io::JsonValue& output : io::as_array(op.record().require("outputs", "an array"), place)) {
      const std::string& name = io::as_text(output, place);
      if (!op.checked(name)) report.fail("tensor " + io::in_quotes(op.tensor(name)) + " was not compared");
    }
  }
}

template <class Engine>
void check_unit(const GoldenFile& file, const Settings& settings, Report& report) {
  check_operations<Probe<Engine>>(file, settings, report);
  if constexpr (Fuses<Engine>) check_operations<Engine>(file, settings, report);
}

}  // namespace golden
