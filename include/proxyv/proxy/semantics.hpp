// Oddities of the reference that change numbers, each by name.
#pragma once

#include "proxyv/backend/mask.hpp"

namespace proxyv::inline v0 {

/// Which row's logits choose the first new token.
enum class NextToken : std::uint8_t {
  row_last,     ///< the last token in reading order
  packed_last,  ///< the last packed row: the last text token, even when an image ends the prompt
};

/// Position of the first new token.
enum class DecodePosition : std::uint8_t {
  row,     ///< follows the last token in reading order
  packed,  ///< the packed length; differs from `row` only when text was cut or rows are padded
};

/// What tokens that follow a padded prompt do about its padding (see TokenLayout::padded).
enum class DecodePadding : std::uint8_t {
  mask,    ///< it stays hidden
  attend,  ///< they see it, dummy crops too, as the reference's Qwen2 and Phi-3 do
};

/// How a prompt is understood. Token positions follow the reference (released weights were trained
/// with them); everything about single rows follows reading order.
/// Source: oracle of the method; llava_arch.py of the reference.
struct Semantics {
  /// The newline after sub-crop s of an AnyRes image lacks the base crop's offset, so it sits where
  /// the newline of the crop before would. False puts it right after its own crop.
  bool subcrop_newline_without_base_offset = true;
  NextToken next_token = NextToken::row_last;
  DecodePosition decode_position = DecodePosition::row;
  DecodePadding decode_padding = DecodePadding::mask;

  /// Whether a row of a batch depends on how long the others are.
  bool needs_padding() const {
    return next_token == NextToken::packed_last || decode_position == DecodePosition::packed || decode_padding == DecodePadding::attend;
  }
};

}  // namespace proxyv::inline v0
