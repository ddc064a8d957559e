// VisionReduction: the member "vision_reduction" of config.json, which says how a checkpoint drops or merges
// vision tokens. Ours, not the reference's; see docs/files.md.
#pragma once

#include <cstdint>
#include <vector>

#include "proxyv/io/json_fields.hpp"

namespace proxyv::inline v0 {
namespace io {

/// One method with its numbers.
struct VisionReduction {
  enum class Method : std::uint8_t { vision_zip, pyramid_drop, fast_v };

  Method method = Method::vision_zip;
  // vision_zip
  index_t dominant = 0, contextual = 0;
  bool stitched = false;
  // pyramid_drop, fast_v
  std::vector<index_t> layers;  ///< a drop after that many layers
  std::vector<double> ratios;   ///< of the original tokens that stay
  bool per_crop = false;
  bool mask = false;  ///< fast_v: hide instead of drop
};

namespace detail {

inline VisionReduction parse_one_reduction(const JsonFields& f, index_t decoder_layers, index_t patches) {
  constexpr std::size_t most = 8;
  VisionReduction out;
  const std::string name = f.text("method");
  if (name == "vision_zip") {
    out.method = VisionReduction::Method::vision_zip;
    if (patches == 0)
      refuse(f.place("method"), "a method inside the decoder, for a checkpoint without an encoder",
             in_quotes(name));
    out.dominant = f.index("dominant", 1, patches + 1);
    out.contextual = f.index("contextual", 0, patches + 1 - out.dominant);
    const std::string layout = f.text_or("layout", "crop_major");
    if (layout != "crop_major" && layout != "stitched")
      refuse(f.place("layout"), "crop_major or stitched", in_quotes(layout));
    out.stitched = layout == "stitched";
    return out;
  }
  if (name != "pyramid_drop" && name != "fast_v")
    refuse(f.place("method"), "vision_zip, pyramid_drop or fast_v", in_quotes(name));
  out.method = name == "fast_v" ? VisionReduction::Method::fast_v : VisionReduction::Method::pyramid_drop;
  const auto list = [&](const char* key) -> const JsonArray& {
    const JsonArray& items = as_array(f.require(key, "an array of numbers"), f.place(key));
    const std::size_t allowed = name == "fast_v" ? 1 : most;
    if (items.empty() || items.size() > allowed)
      refuse(f.place(key), "1 to " + std::to_string(allowed) + " numbers", f.find(key)->describe());
    return items;
  };
  for (const JsonValue& layer : list("layers")) {
    const index_t low = out.layers.empty() ? 1 : out.layers.back() + 1;
    out.layers.push_back(as_index(layer, f.place("layers"), low, decoder_layers - 1));
  }
  for (const JsonValue& ratio : list("ratios"))
    out.ratios.push_back(
        as_double(ratio, f.place("ratios"), 0.0, out.ratios.empty() ? 1.0 : out.ratios.back()));
  if (out.ratios.size() != out.layers.size())
    refuse(f.place("ratios"), "as many numbers as layers, " + std::to_string(out.layers.size()),
           std::to_string(out.ratios.size()));
  out.per_crop = f.flag_or("per_crop", false);
  const std::string form = f.text_or("form", "drop");
  if (form != "drop" && (form != "mask" || name != "fast_v"))
    refuse(f.place("form"), name == "fast_v" ? "drop or mask" : "drop", in_quotes(form));
  out.mask = form == "mask";
  if (out.mask && out.per_crop) refuse(f.place("per_crop"), "false for the mask form", "true");
  return out;
}

}  // namespace detail

/// One object, or an array of one in the encoder and one in the decoder; absent: nothing.
inline std::vector<VisionReduction> parse_vision_reduction(const JsonFields& f, const std::string& file,
                                                           index_t decoder_layers, index_t patches) {
  std::vector<VisionReduction> out;
  const JsonValue* value = f.find("vision_reduction");
  if (value == nullptr) return out;
  const auto add = [&](const JsonValue& one) {
    out.push_back(
        detail::parse_one_reduction(JsonFields(one, file, "vision_reduction."), decoder_layers, patches));
  };
  if (value->array() == nullptr) {
    add(*value);
    return out;
  }
  const JsonPlace place = f.place("vision_reduction");
  for (const JsonValue& one : *value->array()) {
    if (out.size() == 2) refuse(place, "one method in the encoder and one in the decoder", value->describe());
    add(one);
  }
  const auto zips = [](const VisionReduction& r) { return r.method == VisionReduction::Method::vision_zip; };
  if (out.size() == 2 && zips(out[0]) == zips(out[1]))
    refuse(place, "one method in the encoder and one in the decoder", "two of a kind");
  return out;
}

}  // namespace io
}  // namespace proxyv::inline v0
