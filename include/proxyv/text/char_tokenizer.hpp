// CharTokenizer: one token per character, for models small enough to read letter by letter.
//
// tokenizer.json: {"type": "char", "version": 1, "tokens": ["<pad>", "<s>", "</s>", "\n", " ", "a", ...],
//                  "bos": 1, "eos": 2, "pad": 0}
// An entry is a single character or the name of a special token between < and >; its place is its id.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/json_fields.hpp"
#include "proxyv/text/tokenizer.hpp"
#include "proxyv/text/utf8.hpp"

namespace proxyv::inline v0 {
namespace text {

class CharTokenizer : public Tokenizer {
 public:
  static constexpr std::size_t max_file_bytes = 8'000'000;
  static constexpr std::size_t max_tokens = 65536;

  /// Reads tokenizer.json. Throws LoadError naming file, key, wanted and found.
  static CharTokenizer from_file(const std::string& path) {
    return from_json(io::read_json(path, max_file_bytes), path);
  }
  /// The same from a parsed document; `file` is named in messages.
  static CharTokenizer from_json(const io::JsonValue& json, const std::string& file) {
    const io::JsonFields fields(json, file);
    fields.require("type", "\"char\"");
    fields.only("type", "char");
    fields.index("version", 1, 1);
    CharTokenizer out;
    out.read_tokens(fields);
    const index_t last = out.size() - 1;
    const auto special = [&](std::string_view key) -> std::optional<TokenId> {
      if (fields.find(key) == nullptr) return std::nullopt;
      return static_cast<TokenId>(fields.index(key, 0, last));
    };
    out.bos_ = special("bos");
    out.eos_ = special("eos");
    out.pad_ = special("pad");
    return out;
  }

  /// The same tokenizer, but unknown characters and malformed UTF-8 (byte by byte) become this character
  /// instead of an error. Throws ArgumentError unless it is a single known character.
  CharTokenizer with_fallback(std::string_view character) const {
    const std::vector<TokenId> ids = encode(character);
    PROXYV_CHECK(ids.size() == 1, ArgumentError, "CharTokenizer: fallback: wanted one character, found ",
                 ids.size());
    CharTokenizer out = *this;
    out.fallback_ = ids[0];
    return out;
  }

  std::vector<TokenId> encode(std::string_view text) const override {
    std::vector<TokenId> out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const auto character = decode_utf8(text, at);
      const auto id = character ? find(character->code) : std::nullopt;
      if (!id && !fallback_) refuse_character(character, out.size(), at);
      out.push_back(id ? *id : *fallback_);
      at += character ? character->bytes : 1;
    }
    return out;
  }

  std::string_view token_text(TokenId id) const override {
    PROXYV_CHECK(id >= 0 && id < size(), ArgumentError, "CharTokenizer: token ", id, ": wanted 0 to ",
                 size() - 1);
    const std::string& token = tokens_[static_cast<std::size_t>(id)];
    return is_special(token) ? std::string_view() : std::string_view(token);
  }

  index_t size() const override { return static_cast<index_t>(tokens_.size()); }
  std::optional<TokenId> bos() const override { return bos_; }
  std::optional<TokenId> eos() const override { return eos_; }
  std::optional<TokenId> pad() const override { return pad_; }

 private:
  using Pair = std::pair<char32_t, TokenId>;

  CharTokenizer() = default;

  static bool is_special(std::string_view token) {
    return token.size() > 2 && token.front() == '<' && token.back() == '>';
  }

  void read_tokens(const io::JsonFields& fields) {
    const io::JsonPlace place = fields.place("tokens");
    const io::JsonArray& items = io::as_array(fields.require("tokens", "an array"), place);
    if (items.empty() || items.size() > max_tokens) {
      io::refuse(place, "1 to " + std::to_string(max_tokens) + " tokens", std::to_string(items.size()));
    }
    for (const io::JsonValue& item : items) {
      const io::JsonPlace at{place.file, "tokens[" + std::to_string(tokens_.size()) + "]"};
      const std::string& token = io::as_text(item, at);
      const auto character = token.empty() ? std::nullopt : decode_utf8(token, 0);
      const bool single = character && character->bytes == token.size();
      if (!single && !is_special(token)) io::refuse(at, "a single character or a <name>", item.describe());
      if (single) characters_.emplace_back(character->code, static_cast<TokenId>(tokens_.size()));
      tokens_.push_back(token);
    }
    refuse_duplicates(place);
    std::sort(characters_.begin(), characters_.end());
    ascii_.fill(-1);
    for (const auto& [code, id] : characters_) {
      if (code < ascii_.size()) ascii_[code] = id;
    }
  }

  void refuse_duplicates(const io::JsonPlace& place) const {
    std::vector<std::string_view> sorted(tokens_.begin(), tokens_.end());
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) io::refuse(place, "each token once", io::in_quotes(*twice) + " twice");
  }

  std::optional<TokenId> find(char32_t code) const {
    if (code < ascii_.size()) return ascii_[code] < 0 ? std::nullopt : std::optional<TokenId>(ascii_[code]);
    const auto at = std::lower_bound(characters_.begin(), characters_.end(), Pair{code, 0});
    if (at == characters_.end() || at->first != code) return std::nullopt;
    return at->second;
  }

  [[noreturn]] static void refuse_character(std::optional<Utf8Char> character, std::size_t index,
                                            std::size_t byte) {
    const std::string what = character ? code_point_text(character->code) + " is not in the vocabulary"
                                       : "the bytes there are not UTF-8";
    ::proxyv::detail::fail(ArgumentError("CharTokenizer: character " + std::to_string(index) + " (byte " +
                                         std::to_string(byte) + "): " + what));
  }

  std::vector<std::string> tokens_;
  std::vector<Pair> characters_;  // sorted by character
  std::array<TokenId, 128> ascii_{};
  std::optional<TokenId> bos_, eos_, pad_, fallback_;
};

}  // namespace text
}  // namespace proxyv::inline v0
