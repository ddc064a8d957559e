// ModelCase: a file of kind "model" in the library's words, and what needs no engine to check.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "golden/golden_file.hpp"
#include "golden/settings.hpp"
#include "proxyv/io/config.hpp"
#include "proxyv/model/config.hpp"
#include "proxyv/proxy/token_layout.hpp"

namespace golden {

/// A prompt of one row for one decoder, and what is asked of it.
struct ModelCase {
  std::string skip;      ///< why the file is not run; empty: it is
  bool proxies = false;  ///< a ProxyV decoder; else a plain one
  RuntimeConfig config;
  io::Family family = io::Family::llama;  ///< whose tensor names the file has
  CropShape crops;  ///< as the file packs: with proxies even when no layer uses them
  Semantics semantics;
  std::vector<TokenId> ids;
  std::vector<ImageSlot> images;
  std::vector<float> vision;  ///< [crops of all images * tokens, hidden]
  index_t steps = 0;          ///< tokens generated
  std::optional<TokenId> eos;

  Span<const TokenId> prompt() const { return {ids.data(), static_cast<index_t>(ids.size())}; }
  Span<const ImageSlot> slots() const { return {images.data(), static_cast<index_t>(images.size())}; }
};

/// Throws LoadError.
ModelCase read_model_case(const GoldenFile& file);

/// Whether rounding its weight matrices to `type` changes any of them.
bool rounding_changes(const GoldenFile& file, DType type);

/// Positions, masks, and pooled video frames.
void check_layout(const GoldenFile& file, const ModelCase& c, const Tolerance& tolerance, Report& report);

}  // namespace golden
