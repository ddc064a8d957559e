// Which of the paper's studies a model is, and their open points as options.
#pragma once

#include "proxyv/backend/mask.hpp"

namespace proxyv::inline v0 {

/// What becomes of the vision rows from the start layer on. They are keys and values in each of them.
enum class Study : std::uint8_t {
  none,            ///< no study: plain, or ProxyV
  mask_v2v,        ///< vision rows do not see vision rows; needs no training
  attn_skip_drop,  ///< no attention for vision rows, only their FFN
  attn_skip_keep,  ///< each vision row gets its own value through the output projection, and its FFN
  attn_ffn_skip,   ///< neither attention nor FFN; a light MLP, or nothing
};

/// A study with its options. Source: ProxyV section 2; open points as the oracle settled them.
struct StudyVariant {
  Study kind = Study::none;
  bool keep_self = false;               ///< mask_v2v: a vision row still sees itself
  EmptyRow empty_row = EmptyRow::zero;  ///< mask_v2v: result for a vision row that then sees nothing
  bool light_mlp = false;               ///< attn_ffn_skip: vision rows go through a light MLP
  bool light_mlp_norm = false;          ///< attn_ffn_skip: an RMSNorm after it, as the vision update has
};

}  // namespace proxyv::inline v0
