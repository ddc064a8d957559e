// Runs a file of token reduction on one engine.
#pragma once

#include "golden/reduce_drop.hpp"
#include "golden/reduce_zip.hpp"

namespace golden {

template <class Engine>
void check_reduce(const GoldenFile& file, const Settings& settings, Report& report) {
  if constexpr (!std::same_as<Elem<Engine>, float>) {
    report.skip("which tokens are kept is compared in f32");
  } else {
    if (settings.rounds_weights())
      return report.skip("which tokens are kept is compared with the weights as stored");
    ReduceCase<Engine> c(file, settings, report);
    using Check = void (*)(ReduceCase<Engine>&);
    static constexpr std::pair<const char*, Check> checks[] = {
        {"vision_zip", check_vision_zip<Engine>},
        {"vision_zip_proxyv", check_vision_zip_proxyv<Engine>},
        {"pyramid_drop", check_pyramid_drop<Engine>},
        {"fast_v", check_fast_v<Engine>},
    };
    const std::string kind = c.kind();
    const auto* const found = std::find_if(std::begin(checks), std::end(checks),
                                           [&](const auto& check) { return kind == check.first; });
    if (found == std::end(checks)) io::refuse(c.config().place("kind"), "a known kind", io::in_quotes(kind));
    found->second(c);
    for (std::size_t i = 0; i < file.source().size(); ++i) {
      const std::string name(file.source().entry(i).name);
      if (name.starts_with("out.") && !report.checked(name))
        report.fail("tensor " + io::in_quotes(name) + " was not compared");
    }
  }
}

}  // namespace golden
