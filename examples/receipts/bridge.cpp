// The generator as a shared library for train.py: fills whole training batches with several threads.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "questions.hpp"

namespace {

using namespace receipts;

constexpr std::size_t pixel_bytes = std::size_t{photo_side} * photo_side * photo_channels;

// Text of one training example: one long slot (the whole receipt) and four short ones.
// Slots share the picture and cannot see one another.
constexpr std::array<std::size_t, 5> slot_lengths{170, 32, 32, 32, 32};
constexpr std::size_t text_length = 170 + 4 * 32;

// What the auxiliary losses ask of every patch of the four sub-crops.
constexpr int patch_side = 8;
constexpr int crop_side = 96;
constexpr std::size_t patches_across = crop_side / patch_side;
constexpr std::size_t patches = 4 * patches_across * patches_across;
constexpr std::size_t labels_per_patch = 5;  // first character, second character, line, column, topic

std::uint8_t token_of(char character) {
  return static_cast<std::uint8_t>(alphabet.find(character) + first_character_id);
}

/// Writes "\nquestion\nanswer</s>" as tokens, and as targets the token that follows wherever that is answer.
void fill_slot(const QA& qa, std::uint8_t* tokens, std::uint8_t* targets) {
  const std::string text = "\n" + qa.question + "\n" + qa.answer;
  const std::size_t prompt = qa.question.size() + 2;
  for (std::size_t i = 0; i < text.size(); ++i) {
    tokens[i] = token_of(text[i]);
    if (i >= prompt) {
      targets[i - 1] = tokens[i];
    }
  }
  tokens[text.size()] = eos_id;
  targets[text.size() - 1] = eos_id;
}

QA simple_question(const Receipt& receipt, Rng& rng) {
  switch (rng.between(0, 3)) {
    case 0: return ask_total(receipt);
    case 1: return ask_count(receipt);
    case 2: return ask_date(receipt);
    default: return ask_shop(receipt);
  }
}

std::array<QA, 5> pick_questions(const Receipt& receipt) {
  Rng rng(mix(receipt.seed));
  const auto line = [&] { return ask_line(receipt, rng.index(receipt.lines.size())); };
  const auto price = [&] { return ask_price(receipt, rng.index(receipt.facts.items.size())); };
  return {ask_all(receipt), line(), price(), rng.chance(50) ? line() : price(),
          simple_question(receipt, rng)};
}

void fill_text(const Receipt& receipt, std::uint8_t* tokens, std::uint8_t* targets) {
  const std::array<QA, slot_lengths.size()> asked = pick_questions(receipt);
  for (std::size_t slot = 0; slot < asked.size(); ++slot) {
    fill_slot(asked[slot], tokens, targets);
    tokens += slot_lengths[slot];
    targets += slot_lengths[slot];
  }
}

/// A character cut by the border between two sub-crops counts for the later one, whose tokens can see both.
int past_border(int position, int reach) {
  const int border = crop_side * 256;
  return position < border && position + reach >= border ? border : position;
}

std::size_t patch_of(const Mark& mark) {
  constexpr int unit = patch_side * 256;
  const auto x = static_cast<std::size_t>(std::clamp(past_border(mark.x, 640) / unit, 0, 23));
  const auto y = static_cast<std::size_t>(std::clamp(past_border(mark.y, 768) / unit, 0, 23));
  const std::size_t crop = y / patches_across * 2 + x / patches_across;
  return (crop * patches_across + y % patches_across) * patches_across + x % patches_across;
}

/// 1 shop, 2 date, 3 total, 4 farewell, 5 and up: the good of an item.
std::uint8_t topic_of(const Line& line) {
  switch (line.role) {
    case Role::shop: return 1;
    case Role::date: return 2;
    case Role::total: return 3;
    case Role::farewell: return 4;
    case Role::item: break;
  }
  return static_cast<std::uint8_t>(5 + line.good);
}

void fill_labels(const Receipt& receipt, std::uint8_t* labels) {
  for (const Mark& mark : receipt.marks) {
    std::uint8_t* label = labels + patch_of(mark) * labels_per_patch;
    if (label[0] != 0) {
      label[1] = token_of(mark.character);
      continue;
    }
    label[0] = token_of(mark.character);
    label[2] = static_cast<std::uint8_t>(mark.line + 1);
    label[3] = static_cast<std::uint8_t>(mark.column + 1);
    label[4] = topic_of(receipt.lines[mark.line]);
  }
}

struct Batch {
  std::uint8_t* pixels;   // [count, 192, 192, 3]
  std::uint8_t* tokens;   // [count, text_length], zeroed by the caller
  std::uint8_t* targets;  // likewise; 0 = no loss
  std::uint8_t* labels;   // [count, patches, labels_per_patch], likewise
};

void fill_example(std::uint64_t seed, std::size_t i, const Batch& batch) {
  const Receipt receipt = draw(seed);
  std::memcpy(batch.pixels + i * pixel_bytes, receipt.pixels.data(), pixel_bytes);
  fill_text(receipt, batch.tokens + i * text_length, batch.targets + i * text_length);
  fill_labels(receipt, batch.labels + i * patches * labels_per_patch);
}

std::string json_line(const Receipt& receipt, const QA& qa) {
  std::string answer;
  for (const char character : qa.answer) {
    if (character == '\n') {
      answer += "\\n";
    } else {
      answer += character;
    }
  }
  return R"({"seed": )" + std::to_string(receipt.seed) + R"(, "pixels": ")" +
         hexadecimal(fingerprint(receipt)) + R"(", "kind": ")" + std::string(name_of(qa.kind)) +
         R"(", "question": ")" + qa.question + R"(", "answer": ")" + answer + "\"}\n";
}

}  // namespace

extern "C" {

/// The characters in the order of their token ids.
const char* receipts_alphabet() { return alphabet.data(); }

/// Receipts of seeds first_seed, first_seed + 1, ... as training examples.
void receipts_batch(std::uint64_t first_seed, std::size_t count, std::size_t threads, std::uint8_t* pixels,
                    std::uint8_t* tokens, std::uint8_t* targets, std::uint8_t* labels) {
  const Batch batch{pixels, tokens, targets, labels};
  std::vector<std::jthread> crew;
  for (std::size_t worker = 0; worker < threads; ++worker) {
    crew.emplace_back([=] {
      for (std::size_t i = worker; i < count; i += threads) {
        fill_example(first_seed + i, i, batch);
      }
    });
  }
}

/// Photograph of one receipt; all its questions as JSON lines into `json`. Returns their length, 0 if
/// `capacity` is too small.
std::size_t receipts_exam(std::uint64_t seed, std::uint8_t* pixels, char* json, std::size_t capacity) {
  const Receipt receipt = draw(seed);
  std::memcpy(pixels, receipt.pixels.data(), pixel_bytes);
  std::string lines;
  for (const QA& qa : questions(receipt)) {
    lines += json_line(receipt, qa);
  }
  if (lines.size() > capacity) {
    return 0;
  }
  std::memcpy(json, lines.data(), lines.size());
  return lines.size();
}
}
