#include "proxyv/text/char_tokenizer.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"

using files::message;
using proxyv::ArgumentError;
using proxyv::TokenId;
using proxyv::text::CharTokenizer;
using Ids = std::vector<TokenId>;

namespace {

const std::string good =
    R"({"type":"char","version":1,"tokens":["<pad>","<s>","</s>","\n"," ","a","b","\u00e9","?","<",">"],)"
    R"("bos":1,"eos":2,"pad":0})";

CharTokenizer parse(std::string_view json) {
  return CharTokenizer::from_json(proxyv::io::parse_json(json, "t"), "t");
}

std::string refusal(std::string_view json) {
  return message([&] { parse(json); });
}

std::string tokens_refusal(const std::string& tokens) {
  return refusal(R"({"type":"char","version":1,"tokens":)" + tokens + "}");
}

}  // namespace

TEST_CASE("characters are tokens and back") {
  const CharTokenizer tokenizer = parse(good);
  CHECK(tokenizer.size() == 11);
  CHECK(tokenizer.bos() == 1);
  CHECK(tokenizer.eos() == 2);
  CHECK(tokenizer.pad() == 0);
  CHECK(tokenizer.encode("ab \xc3\xa9\n") == Ids{5, 6, 4, 7, 3});
  CHECK(tokenizer.encode("").empty());
  CHECK(tokenizer.decode(Ids{1, 5, 7, 2, 0, 6}) ==
        "a\xc3\xa9"
        "b");
  CHECK(tokenizer.token_text(7) == "\xc3\xa9");
  CHECK(tokenizer.token_text(9) == "<");
  CHECK(tokenizer.token_text(1).empty());
}

TEST_CASE("special tokens are not made from text") {
  CHECK(parse(good).encode("<b>") == Ids{9, 6, 10});
  CHECK(message<ArgumentError>([] { parse(good).encode("<s>"); }) ==
        "CharTokenizer: character 1 (byte 1): U+0073 is not in the vocabulary");
}

TEST_CASE("a prompt with a picture") {
  CHECK(encode_prompt(parse(good), "<image>\nab?") == Ids{1, -200, 3, 5, 6, 8});
}

TEST_CASE("unknown characters are errors by place, or replaced when asked") {
  const CharTokenizer strict = parse(good);
  CHECK(message<ArgumentError>([&] { strict.encode("\xc3\xa9z"); }) ==
        "CharTokenizer: character 1 (byte 2): U+007A is not in the vocabulary");
  CHECK(message<ArgumentError>([&] { strict.encode("a\xf0\x9f\x98\x80"); }) ==
        "CharTokenizer: character 1 (byte 1): U+1F600 is not in the vocabulary");
  CHECK(message<ArgumentError>([&] { strict.encode("ab\xff"); }) ==
        "CharTokenizer: character 2 (byte 2): the bytes there are not UTF-8");
  const CharTokenizer lenient = strict.with_fallback("?");
  CHECK(lenient.encode("az\xf0\x9f\x98\x80\xff\xc3") == Ids{5, 8, 8, 8, 8});
  CHECK(message<ArgumentError>([&] { strict.with_fallback("ab"); }) ==
        "CharTokenizer: fallback: wanted one character, found 2");
  CHECK(message<ArgumentError>([&] { strict.with_fallback("z"); }).find("U+007A") != std::string::npos);
}

TEST_CASE("ids outside the vocabulary are errors") {
  const CharTokenizer tokenizer = parse(good);
  CHECK(message<ArgumentError>([&] { tokenizer.token_text(11); }) ==
        "CharTokenizer: token 11: wanted 0 to 10");
  CHECK(message<ArgumentError>([&] {
          tokenizer.decode(Ids{5, -200});
        }) == "CharTokenizer: token -200: wanted 0 to 10");
}

TEST_CASE("long prompts take linear time") {
  const CharTokenizer tokenizer = parse(good);
  std::string prompt;
  while (prompt.size() < 1'000'000) prompt += "a\xc3\xa9 ";
  const Ids ids = tokenizer.encode(prompt);
  CHECK(ids.size() == prompt.size() / 4 * 3);
  CHECK(tokenizer.decode(ids) == prompt);
  CHECK(encode_prompt(tokenizer, std::string(1'000'000, '<')).size() == 1'000'001);
}

TEST_CASE("faults of the file are named") {
  CHECK(refusal("[]") == "t: JSON: wanted an object, found an array of 0");
  CHECK(refusal("{}") == "t: type: wanted \"char\", found nothing");
  CHECK(refusal(R"({"type":"bpe"})") == "t: type: wanted \"char\", found \"bpe\"");
  CHECK(refusal(R"({"type":"char"})") == "t: version: wanted an integer, found nothing");
  CHECK(refusal(R"({"type":"char","version":2})") == "t: version: wanted an integer in [1, 1], found 2");
  CHECK(refusal(R"({"type":"char","version":1})") == "t: tokens: wanted an array, found nothing");
  CHECK(tokens_refusal("{}") == "t: tokens: wanted an array, found an object of 0");
  CHECK(tokens_refusal("[]") == "t: tokens: wanted 1 to 65536 tokens, found 0");
  CHECK(tokens_refusal("[\"a\",3]") == "t: tokens[1]: wanted a string, found 3");
  CHECK(tokens_refusal("[\"ab\"]") == "t: tokens[0]: wanted a single character or a <name>, found \"ab\"");
  CHECK(tokens_refusal("[\"\"]") == "t: tokens[0]: wanted a single character or a <name>, found \"\"");
  CHECK(tokens_refusal("[\"<>\"]") == "t: tokens[0]: wanted a single character or a <name>, found \"<>\"");
  CHECK(tokens_refusal("[\"<a\"]") == "t: tokens[0]: wanted a single character or a <name>, found \"<a\"");
  CHECK(tokens_refusal("[\"a\",\"b\",\"a\"]") == "t: tokens: wanted each token once, found \"a\" twice");
  CHECK(tokens_refusal("[\"<s>\",\"<s>\"]") == "t: tokens: wanted each token once, found \"<s>\" twice");
  std::string many = "\"<0>\"";
  for (int i = 1; i <= 65536; ++i) many += ",\"<" + std::to_string(i) + ">\"";
  CHECK(tokens_refusal("[" + many + "]") == "t: tokens: wanted 1 to 65536 tokens, found 65537");
  const auto special = [](const std::string& member) {
    return refusal(R"({"type":"char","version":1,"tokens":["<s>","a"],)" + member + "}");
  };
  CHECK(special("\"bos\":2") == "t: bos: wanted an integer in [0, 1], found 2");
  CHECK(special("\"eos\":-1") == "t: eos: wanted an integer in [0, 1], found -1");
  CHECK(special("\"pad\":\"<s>\"") == "t: pad: wanted an integer in [0, 1], found \"<s>\"");
  CHECK(special("\"pad\":18446744073709551615").find("t: pad: wanted an integer in [0, 1]") == 0);
  CHECK_FALSE(parse(R"({"type":"char","version":1,"tokens":["a"],"bos":null})").bos().has_value());
}

TEST_CASE("the file itself is read") {
  const files::Folder folder;
  CHECK(CharTokenizer::from_file(folder.write("tokenizer.json", good)).size() == 11);
  CHECK(message([&] { CharTokenizer::from_file(folder.file("none")); }) ==
        folder.file("none") + ": cannot open: No such file or directory");
}
