// Everything that runs decoders, in one place: they take long to compile.
#include "bench/cpu/layer_bench.hpp"
#include "bench/cpu/model_bench.hpp"
#include "bench/cpu/pipeline_bench.hpp"
#include "bench/cpu/receipts_bench.hpp"
#include "bench/cpu/suites.hpp"

void cpu_bench::add_models(const Settings& settings) {
  using Plain = pv::PlainDecoder<Engine>;
  using Proxy = pv::ProxyDecoder<Engine>;
  for (const char* name : {"medium", "vicuna-7b", "tiny"}) add_layers_of(settings, name);
  add_prefills(settings, "medium", 9, {4, 14, 19});
  add_prefills(settings, "tiny", 2, {1});
  add_decodes(settings, "medium", {1024, 2935, 8192});
  add_decodes(settings, "tiny", {100});
  const auto known = encoders();
  for (const NamedEncoder& e : known) add_encoder(settings, e, e.name == "tiny" ? 64 : 1024);
  const auto both = [&](const char* name, const NamedEncoder& e, index_t start) {
    add_first_token<Plain>(settings, name, e, {.name = "baseline"});
    add_first_token<Proxy>(settings, name, e,
                           {"proxyv_L" + std::to_string(start), Attends::with_proxy, pv::Study::none, start});
  };
  both("medium", known[0], 9);
  both("tiny", known[1], 2);
  add_receipts<Plain>(settings, "baseline");
  add_receipts<Proxy>(settings, "proxyv");
}
