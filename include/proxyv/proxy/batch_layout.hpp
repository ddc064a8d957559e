// Layouts of several prompts that are read together.
#pragma once

#include <algorithm>
#include <vector>

#include "proxyv/proxy/token_layout.hpp"

namespace proxyv::inline v0 {

/// One prompt of a batch, as TokenLayout takes it.
struct RowPrompt {
  Span<const TokenId> ids;
  Span<const ImageSlot> images{};
};

namespace detail {

/// Runs work(); its ArgumentError also names the row.
template <class Work>
void in_row([[maybe_unused]] index_t row, Work&& work) {
#if defined(__cpp_exceptions)
  try {
    work();
  } catch (const ArgumentError& error) {
    throw ArgumentError(concat("row ", row, ": ", error.what()));
  }
#else
  work();
#endif
}

}  // namespace detail

/// Fills every row up to the most crops and the longest text among them (TokenLayout::padded). Where the
/// shape has a max_length, it caps the filled rows. Throws ArgumentError when that leaves no room for text.
inline void pad_to_longest(std::vector<TokenLayout>& rows) {
  index_t crops = 0, text = 0;
  for (const TokenLayout& row : rows) {
    crops = std::max(crops, row.crops());
    text = std::max(text, row.text());
  }
  for (const TokenLayout& row : rows) {
    const CropShape& shape = row.crop_shape();
    if (shape.max_length == 0) continue;
    const index_t room = shape.max_length - crops * (shape.tokens + 1);
    PROXYV_CHECK(room >= 1, ArgumentError, "batch: ", crops, " crops leave no room for text in ",
                 shape.max_length, " tokens");
    text = std::min(text, room);
  }
  for (TokenLayout& row : rows) row = row.padded(crops, text);
}

/// A layout for each prompt. By default each is what it is alone; where the semantics ask for what the
/// reference does with a padded batch (Semantics::needs_padding), all are filled up to the longest. Throws
/// ArgumentError naming the row.
inline std::vector<TokenLayout> batch_layouts(Span<const RowPrompt> prompts, const CropShape& shape,
                                              const Semantics& semantics = {}) {
  PROXYV_CHECK(!prompts.empty(), ArgumentError, "batch: no prompts");
  std::vector<TokenLayout> rows;
  for (index_t i = 0; i < prompts.size(); ++i) {
    detail::in_row(i, [&] { rows.emplace_back(prompts[i].ids, prompts[i].images, shape, semantics); });
  }
  if (semantics.needs_padding()) pad_to_longest(rows);
  return rows;
}

}  // namespace proxyv::inline v0
