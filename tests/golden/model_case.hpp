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

/// One row's prompt for one decoder, and what is asked of it.
struct ModelCase {
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
  TokenId pad = 0;               ///< what rows that are done get while others go on
  index_t batch_crops = 0, batch_text = 0;  ///< the most of any row
  bool padded = false;           ///< run with the batch's padding, as the semantics ask

  Span<const TokenId> prompt() const { return {ids.data(), static_cast<index_t>(ids.size())}; }
  Span<const ImageSlot> slots() const { return {images.data(), static_cast<index_t>(images.size())}; }
  index_t own_crops() const;
  /// The row packed alone (the batch's cap counting), or padded.
  TokenLayout layout(const CropShape& shape, const Semantics& how, bool with_padding) const;
  TokenLayout layout(const CropShape& shape) const { return layout(shape, semantics, padded); }
  /// Whether what follows the prompt sees the rows of `layout` as they are: no padding must be dropped first.
  bool follows_directly() const { return !padded || semantics.decode_padding == DecodePadding::attend; }
};

/// A row of a file, as a file of its own, and what it is.
struct RowCase {
  GoldenFile file;
  ModelCase model;
};

/// All rows. Throws LoadError.
std::vector<RowCase> read_rows(const GoldenFile& file);

/// Whether rounding its weight matrices to `type` changes any of them.
bool rounding_changes(const GoldenFile& file, DType type);

/// Positions, masks, and pooled video frames.
void check_layout(const GoldenFile& file, const ModelCase& c, const Tolerance& tolerance, Report& report);

}  // namespace golden
