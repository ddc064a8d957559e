// proxyv inspect: is this checkpoint whole, and what is in it?
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "commands.hpp"
#include "proxyv/eigen/backend.hpp"
#include "proxyv/model/lmm.hpp"
#include "table.hpp"

namespace cli {
namespace {

struct InspectOptions {
  std::string checkpoint;
  bool digest = false, json = false;
};

/// What a checkpoint holds, after everything the library would use has been found and checked.
struct Inspection {
  proxyv::io::CheckpointConfig config;
  std::size_t tensors = 0, files = 0;
  std::uint64_t bytes = 0, digest = 0;
  std::map<std::string, std::uint64_t> bytes_by_type;
};

Inspection inspect_checkpoint(const std::string& folder) {
  proxyv::EigenBackend be({});
  const proxyv::Lmm<proxyv::EigenBackend> model(be, folder);
  Inspection out;
  out.config = model.checkpoint();
  out.tensors = model.files().size();
  out.files = model.files().files().size();
  out.bytes = model.files().total_bytes();
  out.digest = model.files().digest();
  for (const auto& entry : model.files().tensors()) out.bytes_by_type[std::string(proxyv::io::tensor_type_name(entry.type))] += entry.bytes;
  return out;
}

std::string variant_text(const proxyv::io::CheckpointConfig& c) {
  if (!c.proxyv) return "plain";
  return fmt::format("ProxyV from layer {}, {}, {} proxies for {} tokens per crop", c.proxyv_start_layer, c.learn_proxy ? "learned" : "spatial",
                     c.proxies_per_crop(), c.per_crop_token_len);
}

void print_text(const Inspection& i) {
  const auto& c = i.config;
  fmt::print("family       {} ({})\n", proxyv::io::family_name(c.family), c.architecture);
  fmt::print("variant      {}\n", variant_text(c));
  fmt::print("decoder      {} layers, hidden {}, {} heads ({} key/value) of {}, ffn {}, vocab {}\n", c.num_hidden_layers, c.hidden_size,
             c.num_attention_heads, c.num_key_value_heads, c.head_dim, c.intermediate_size, c.vocab_size);
  if (c.vision)
    fmt::print("encoder      {} layers, hidden {}, {} heads, crops of {} px, patches of {} px\n", c.vision->num_hidden_layers,
               c.vision->hidden_size, c.vision->num_attention_heads, c.vision->image_size, c.vision->patch_size);
  fmt::print("tensors      {} in {} file{}, {}\n", i.tensors, i.files, i.files == 1 ? "" : "s", bytes_text(static_cast<double>(i.bytes)));
  for (const auto& [type, bytes] : i.bytes_by_type) fmt::print("  {:<10} {}\n", type, bytes_text(static_cast<double>(bytes)));
  fmt::print("digest       {:016x}\n", i.digest);
}

void print_json(const Inspection& i) {
  const auto& c = i.config;
  nlohmann::json out{{"family", proxyv::io::family_name(c.family)},
                     {"architecture", c.architecture},
                     {"proxyv", c.proxyv},
                     {"layers", c.num_hidden_layers},
                     {"hidden", c.hidden_size},
                     {"heads", c.num_attention_heads},
                     {"kv_heads", c.num_key_value_heads},
                     {"head_dim", c.head_dim},
                     {"ffn", c.intermediate_size},
                     {"vocab", c.vocab_size},
                     {"tensors", i.tensors},
                     {"files", i.files},
                     {"bytes", i.bytes},
                     {"bytes_by_type", i.bytes_by_type},
                     {"digest", fmt::format("{:016x}", i.digest)}};
  if (c.proxyv) {
    out["proxy_start"] = c.proxyv_start_layer;
    out["proxy_factor"] = c.proxyv_reduce_factor;
    out["learned_proxies"] = c.learn_proxy;
  }
  if (c.vision) out["image_size"] = c.vision->image_size;
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void inspect(const InspectOptions& o) {
  const Inspection found = inspect_checkpoint(o.checkpoint);
  if (o.digest) {
    fmt::print("{:016x}\n", found.digest);
  } else if (o.json) {
    print_json(found);
  } else {
    print_text(found);
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* sub = app.add_subcommand("inspect", "Check a checkpoint and say what it holds");
  sub->footer("Example: proxyv inspect examples/receipts/proxyv");
  sub->add_option("checkpoint", o->checkpoint, "Folder with config.json and safetensors")->required();
  sub->add_flag("--digest", o->digest, "Print one line: a hash of all weights, however sharded or ordered");
  sub->add_flag("--json", o->json, "Print one JSON object");
  sub->callback([o] { inspect(*o); });
}

}  // namespace cli
