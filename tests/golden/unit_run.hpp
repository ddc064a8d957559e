// Runs a file of kind "unit" on one engine, operation by operation.
#pragma once

#include "golden/probe.hpp"
#include "golden/unit_layers.hpp"
#include "golden/unit_proxy.hpp"

namespace golden {

template <class B>
void check_operation(UnitOp& op) {
  using Check = void (*)(UnitOp&);
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
      {"pool_2d", check_pool_2d},
      {"anyres", check_anyres},
      {"pack", check_pack},
  };
  for (const auto& [name, check] : checks)
    if (op.name() == name) return check(op);
  io::refuse(op.record().place("op"), "a known operation", io::in_quotes(op.name()));
}

/// Every output that the file lists must have been compared in the end.
template <class Engine>
void check_unit(const GoldenFile& file, const Settings& settings, Report& report) {
  const io::JsonValue ops = file.json("ops");
  for (const io::JsonValue& record : io::as_array(ops, {io::shown_path(file.where("ops")), "ops"})) {
    report.begin({});
    UnitOp op(file, record, settings, report);
    check_operation<Probe<Engine>>(op);
    const io::JsonPlace place = op.record().place("outputs");
    for (const io::JsonValue& output : io::as_array(op.record().require("outputs", "an array"), place)) {
      const std::string& name = io::as_text(output, place);
      if (!op.checked(name)) report.fail("tensor " + io::in_quotes(op.tensor(name)) + " was not compared");
    }
  }
}

}  // namespace golden
