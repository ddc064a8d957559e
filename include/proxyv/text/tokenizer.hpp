// Tokenizer: what every tokenizer offers, and prompts with pictures in them.
//
// Kinds of tokenizers are chosen by a checkpoint's files, so this is an ordinary abstract class.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {
namespace text {

/// Stands in a prompt's text where a picture goes; image_token is the same in ids.
inline constexpr std::string_view image_placeholder = "<image>";

/// Text to tokens and back. Const objects may be shared by threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The tokens of a text, without bos or eos. Special tokens are never made from text.
  /// Throws ArgumentError for text that it cannot encode. Cost: linear.
  virtual std::vector<TokenId> encode(std::string_view text) const = 0;

  /// What a token adds to a text, for streaming: "" for special tokens. May be part of a UTF-8 character.
  /// Throws ArgumentError unless 0 <= id < size().
  virtual std::string_view token_text(TokenId id) const = 0;

  /// Number of tokens; ids are 0 ... size() - 1.
  virtual index_t size() const = 0;

  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  virtual std::optional<TokenId> pad() const = 0;

  /// The text of tokens, special ones left out.
  std::string decode(std::span<const TokenId> ids) const {
    std::string out;
    for (const TokenId id : ids) out += token_text(id);
    return out;
  }

 protected:
  Tokenizer() = default;
  Tokenizer(const Tokenizer&) = default;
  Tokenizer(Tokenizer&&) = default;
  Tokenizer& operator=(const Tokenizer&) = default;
  Tokenizer& operator=(Tokenizer&&) = default;
};

/// A whole prompt: bos, if the tokenizer has one, then the text, with image_token for each "<image>".
/// The pieces around a picture are encoded apart. Source: tokenizer_image_token in mm_utils.py.
inline std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view prompt) {
  std::vector<TokenId> out;
  if (const auto bos = tokenizer.bos()) out.push_back(*bos);
  for (;;) {
    const std::size_t image = prompt.find(image_placeholder);
    const std::vector<TokenId> piece = tokenizer.encode(prompt.substr(0, image));
    out.insert(out.end(), piece.begin(), piece.end());
    if (image == std::string_view::npos) return out;
    out.push_back(image_token);
    prompt.remove_prefix(image + image_placeholder.size());
  }
}

}  // namespace text
}  // namespace proxyv::inline v0
