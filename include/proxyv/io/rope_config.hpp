// RopeConfig: what a config.json says about rotary embeddings that were stretched for long texts.
//
// Plain data, checked; model/rope_scaling.hpp makes divisors of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/io/json_fields.hpp"

namespace proxyv::inline v0 {
namespace io {

enum class RopeType : std::uint8_t {
  plain,
  linear,    ///< all frequencies divided by factor
  dynamic,   ///< a larger base, by the length of the text
  llama3,    ///< slow frequencies divided by factor, fast ones not, smoothly between
  longrope,  ///< a list of divisors for short texts and one for long ones; phi3 calls it "su", too
};

struct RopeConfig {
  RopeType type = RopeType::plain;
  double factor = 1.0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  ///< llama3
  index_t original_positions = 0;                     ///< what the model was trained on before; 0: not given
  std::vector<double> short_factor{}, long_factor{};  ///< longrope: [head_dim / 2]
  double amplitude = 0.0;                             ///< longrope, attention_factor; 0: by the formula
};

namespace detail {

inline RopeType rope_type(const JsonFields& f) {
  const char* key = f.find("rope_type") != nullptr ? "rope_type" : "type";
  const std::string& name = f.text(key);
  if (name == "default") return RopeType::plain;
  if (name == "linear") return RopeType::linear;
  if (name == "dynamic") return RopeType::dynamic;
  if (name == "llama3") return RopeType::llama3;
  if (name == "longrope" || name == "su") return RopeType::longrope;
  refuse(f.place(key), "default, linear, dynamic, llama3, longrope or su", in_quotes(name));
}

inline std::vector<double> rope_factors(const JsonFields& f, std::string_view key, index_t pairs) {
  const JsonArray& items = as_array(f.require(key, "an array of numbers"), f.place(key));
  if (!std::cmp_equal(items.size(), pairs))
    refuse(f.place(key), std::to_string(pairs) + " numbers (head_dim / 2)", std::to_string(items.size()));
  std::vector<double> out;
  for (const JsonValue& item : items) out.push_back(as_double(item, f.place(key), 1e-6, 1e6));
  return out;
}

}  // namespace detail

/// Reads `rope_scaling`. top: the whole config, where phi3 keeps original_max_position_embeddings; positions:
/// its max_position_embeddings. Throws LoadError naming the key that is missing, wrong or not supported.
inline RopeConfig read_rope(const JsonFields& scaling, const JsonFields& top, index_t head_dim,
                            index_t positions) {
  RopeConfig out;
  out.type = detail::rope_type(scaling);
  const JsonFields& original = scaling.find("original_max_position_embeddings") != nullptr ? scaling : top;
  out.original_positions = original.index_or("original_max_position_embeddings", 0, 2, 1 << 30);
  switch (out.type) {
    case RopeType::plain: break;
    case RopeType::linear:
    case RopeType::dynamic:
      scaling.require("factor", "a number");
      out.factor = scaling.number_or("factor", 1.0, 1.0, 1e6);
      break;
    case RopeType::llama3:
      for (const char* key : {"factor", "low_freq_factor", "high_freq_factor"})
        scaling.require(key, "a number");
      out.factor = scaling.number_or("factor", 1.0, 1.0, 1e6);
      out.low_freq_factor = scaling.number_or("low_freq_factor", 1.0, 1e-6, 1e6);
      out.high_freq_factor = scaling.number_or("high_freq_factor", 4.0, 1e-6, 1e6);
      if (out.high_freq_factor <= out.low_freq_factor)
        refuse(scaling.place("high_freq_factor"), "more than low_freq_factor",
               scaling.find("high_freq_factor")->describe());
      if (out.original_positions == 0)
        refuse(scaling.place("original_max_position_embeddings"), "an integer", "nothing");
      break;
    case RopeType::longrope:
      out.short_factor = detail::rope_factors(scaling, "short_factor", head_dim / 2);
      out.long_factor = detail::rope_factors(scaling, "long_factor", head_dim / 2);
      out.amplitude = scaling.number_or("attention_factor", 0.0, 1e-6, 1e6);
      if (out.original_positions == 0)
        refuse(scaling.place("original_max_position_embeddings"), "an integer", "nothing");
      out.factor = static_cast<double>(positions) / static_cast<double>(out.original_positions);
      break;
  }
  return out;
}

}  // namespace io
}  // namespace proxyv::inline v0
