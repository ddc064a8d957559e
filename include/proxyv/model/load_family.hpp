// FamilyTensors: a checkpoint of any family, seen under llama's tensor names.
//
// Families differ in names and in which projections share a tensor. Parts that lie together are used in
// place, as windows into the file; parts that lie in strips are gathered once.
#pragma once

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/io/config.hpp"
#include "proxyv/io/tensor_entry.hpp"
#include "proxyv/model/config.hpp"

namespace proxyv::inline v0 {

/// Something that can also tell whether it has a tensor: SafetensorsFile, Checkpoint.
template <class S>
concept TensorLookup = requires(const S& s, const std::string& name) {
  { s.at(name) } -> std::convertible_to<io::TensorEntry>;
  { s.find(name) } -> std::convertible_to<std::optional<io::TensorEntry>>;
};

/// Every tensor of a decoder by the names for_each_tensor uses. Entries point into `source` and into this
/// object: both must outlive them. One thread at a time.
template <TensorLookup Source>
class FamilyTensors {
 public:
  template <DecoderConfig C>
  FamilyTensors(const Source& source, io::Family family, const C& c)
      : source_(source), family_(family), hidden_(c.hidden), heads_(heads_of(c)), ffn_(c.ffn) {}

  /// Throws LoadError naming file, tensor, wanted and found.
  io::TensorEntry at(const std::string& name) const {
    if (family_ == io::Family::phi3) return phi3(name);
    if (family_ == io::Family::internlm2) return internlm2(name);
    return source_.at(name);
  }

 private:
  /// Rows of a matrix: `count` from `begin` on, then the same `stride` rows further, `times` in all.
  struct Strips {
    index_t begin, count, stride, times;
  };
  struct Part {
    std::array<std::uint64_t, 2> shape;
    std::vector<std::byte> gathered;
  };

  static bool replace_end(std::string& name, std::string_view end, std::string_view by) {
    if (!name.ends_with(end)) return false;
    name.replace(name.size() - end.size(), end.size(), by);
    return true;
  }
  /// 0, 1, 2 for queries, keys, values, with the projection's name replaced; else -1.
  static int take_projection(std::string& name, std::string_view fused) {
    constexpr std::string_view projections[] = {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                                "self_attn.v_proj.weight"};
    for (int i = 0; i < 3; ++i)
      if (replace_end(name, projections[i], fused)) return i;
    return -1;
  }

  /// [q; k; v] and [gate; up], one behind the other. A file that has them apart is read as it is.
  io::TensorEntry phi3(const std::string& name) const {
    std::string fused = name;
    const index_t q = heads_.query_width(), kv = heads_.kv_width();
    const index_t begin[] = {0, q, q + kv}, count[] = {q, kv, kv};
    index_t rows = q + 2 * kv;
    Strips part{};
    if (const int i = take_projection(fused, "self_attn.qkv_proj.weight"); i >= 0) {
      part = {begin[i], count[i], 0, 1};
    } else if (replace_end(fused, "mlp.gate_proj.weight", "mlp.gate_up_proj.weight")) {
      part = {0, ffn_, 0, 1};
      rows = 2 * ffn_;
    } else if (replace_end(fused, "mlp.up_proj.weight", "mlp.gate_up_proj.weight")) {
      part = {ffn_, ffn_, 0, 1};
      rows = 2 * ffn_;
    }
    if (part.times == 0 || source_.find(name)) return source_.at(name);
    return rows_of(name, source_.at(fused), rows, part);
  }

  /// Names of its own; for every key/value head the rows of its query heads, of its keys and of its values.
  io::TensorEntry internlm2(const std::string& name) const {
    std::string own = name;
    const index_t dim = heads_.dim, group = heads_.query / heads_.kv, stride = (group + 2) * dim;
    const Strips strips[] = {{0, group * dim, stride, heads_.kv},
                             {group * dim, dim, stride, heads_.kv},
                             {(group + 1) * dim, dim, stride, heads_.kv}};
    if (const int i = take_projection(own, "attention.wqkv.weight"); i >= 0)
      return rows_of(name, source_.at(own), heads_.kv * stride, strips[i]);
    constexpr std::string_view names[][2] = {
        {"model.embed_tokens.weight", "model.tok_embeddings.weight"},
        {"lm_head.weight", "output.weight"},
        {"self_attn.o_proj.weight", "attention.wo.weight"},
        {"mlp.gate_proj.weight", "feed_forward.w1.weight"},
        {"mlp.up_proj.weight", "feed_forward.w3.weight"},
        {"mlp.down_proj.weight", "feed_forward.w2.weight"},
        {"post_attention_layernorm.weight", "ffn_norm.weight"},
        {"input_layernorm.weight", "attention_norm.weight"},
    };
    for (const auto& [theirs, ours] : names)
      if (replace_end(own, theirs, ours)) break;
    return source_.at(own);
  }

  /// Those rows of a matrix [rows, hidden]: in place where they lie together.
  io::TensorEntry rows_of(const std::string& name, const io::TensorEntry& whole, index_t rows,
                          const Strips& strips) const {
    io::as_weight(whole, rows, hidden_);  // shape and type
    const std::size_t row_bytes = whole.bytes / static_cast<std::size_t>(rows);
    const auto at_row = [&](index_t row) { return whole.data + static_cast<std::size_t>(row) * row_bytes; };
    const auto [found, is_new] = parts_.try_emplace(name);
    Part& part = found->second;
    if (is_new) {
      part.shape = {static_cast<std::uint64_t>(strips.count * strips.times),
                    static_cast<std::uint64_t>(hidden_)};
      for (index_t i = 0; strips.times > 1 && i < strips.times; ++i)
        part.gathered.insert(part.gathered.end(), at_row(strips.begin + i * strips.stride),
                             at_row(strips.begin + i * strips.stride + strips.count));
    }
    io::TensorEntry out = whole;
    out.shape = part.shape;
    out.bytes = static_cast<std::size_t>(strips.count * strips.times) * row_bytes;
    out.data = strips.times > 1 ? part.gathered.data() : at_row(strips.begin);
    return out;
  }

  const Source& source_;
  io::Family family_;
  index_t hidden_;
  Heads heads_;
  index_t ffn_;
  mutable std::map<std::string, Part> parts_;
};

}  // namespace proxyv::inline v0
