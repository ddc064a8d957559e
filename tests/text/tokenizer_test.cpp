#include "proxyv/text/tokenizer.hpp"

#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"

using proxyv::TokenId;
namespace text = proxyv::text;

namespace {

/// A token per byte; 0 is special.
class ByteTokenizer : public text::Tokenizer {
 public:
  explicit ByteTokenizer(std::optional<TokenId> bos) : bos_(bos) {}
  std::vector<TokenId> encode(std::string_view s) const override { return {s.begin(), s.end()}; }
  std::string_view token_text(TokenId id) const override {
    static const std::string letters = "abc";
    return id == 0 ? std::string_view()
                   : std::string_view(letters).substr(static_cast<std::size_t>(id - 'a'), 1);
  }
  proxyv::index_t size() const override { return 128; }
  std::optional<TokenId> bos() const override { return bos_; }
  std::optional<TokenId> eos() const override { return {}; }
  std::optional<TokenId> pad() const override { return {}; }

 private:
  std::optional<TokenId> bos_;
};

using Ids = std::vector<TokenId>;

}  // namespace

TEST_CASE("a prompt has bos once and a placeholder for each picture") {
  const ByteTokenizer tokenizer(0);
  CHECK(text::encode_prompt(tokenizer, "ab") == Ids{0, 'a', 'b'});
  CHECK(text::encode_prompt(tokenizer, "") == Ids{0});
  CHECK(text::encode_prompt(tokenizer, "a<image>b") == Ids{0, 'a', -200, 'b'});
  CHECK(text::encode_prompt(tokenizer, "<image>b<image>") == Ids{0, -200, 'b', -200});
  CHECK(text::encode_prompt(tokenizer, "<image><image>") == Ids{0, -200, -200});
  CHECK(text::encode_prompt(tokenizer, "<imag") == Ids{0, '<', 'i', 'm', 'a', 'g'});
}

TEST_CASE("no bos where the tokenizer has none") {
  CHECK(text::encode_prompt(ByteTokenizer(std::nullopt), "<image>a") == Ids{-200, 'a'});
}

TEST_CASE("decoding joins the texts of tokens") {
  CHECK(ByteTokenizer(0).decode(Ids{0, 'c', 'a', 0, 'b'}) == "cab");
  CHECK(ByteTokenizer(0).decode({}).empty());
}
