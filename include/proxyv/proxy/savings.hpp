// The savings that change no result, each of which can be switched off.
#pragma once

namespace proxyv::inline v0 {

/// Exact savings over the plain form of the method. All on by default; results agree with the
/// plain form up to rounding. The plain form costs what the paper counts.
struct Savings {
  /// One product of folded weights instead of project, concatenate, mix (proxy/vision_update.hpp).
  bool folded_update = true;
  /// Proxies over proxies, newlines and text; text over vision and text: two small attentions
  /// instead of one over everything with a mask (proxy/proxy_layer.hpp).
  bool split_attention = true;
  /// In the last layer only the row whose logits are wanted moves on (model/decoder.hpp).
  bool dead_rows = true;

  static constexpr Savings none() { return {false, false, false}; }
};

}  // namespace proxyv::inline v0
