// Runs a golden file of either kind on one engine.
#pragma once

#include "golden/model_run.hpp"
#include "golden/reduce_run.hpp"
#include "golden/unit_run.hpp"

namespace golden {

template <class Engine>
void check_file(const GoldenFile& file, const Settings& settings, Report& report) {
  if (is_reduce_file(file)) return check_reduce<Engine>(file, settings, report);
  const std::string kind = file.text("kind");
  if (kind == "model") return check_model<Engine>(file, settings, report);
  if (kind == "unit") return check_unit<Engine>(file, settings, report);
  io::refuse({io::shown_path(file.source().path()), "__metadata__ kind"}, "model or unit",
             io::in_quotes(kind));
}

}  // namespace golden
