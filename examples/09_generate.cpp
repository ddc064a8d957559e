// Lesson 9. Generating: a session holds a conversation, tokens come out one by one.
// The weights are random, so what it says is nonsense; how it says it is the lesson.
#include <cstdio>
#include <string>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using Model = pv::ProxyDecoder<Engine, pv::presets::Tiny>;

/// A tokenizer for 96 tokens: the characters from the blank on.
std::vector<pv::TokenId> tokens_of(const std::string& text) {
  std::vector<pv::TokenId> ids;
  for (const char c : text) ids.push_back(c - ' ');
  return ids;
}
char character(pv::TokenId id) { return id == 95 ? '_' : static_cast<char>(' ' + id); }

std::string text_of(const std::vector<pv::TokenId>& ids) {
  std::string text;
  for (const pv::TokenId id : ids) text += character(id);
  return text;
}

int main() {
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, {}, 2);

  std::vector<pv::TokenId> prompt{pv::image_token};
  for (const pv::TokenId id : tokens_of("What is this?")) prompt.push_back(id);
  const pv::ImageSlot image{.crops = 2};
  const pv::TokenLayout layout({prompt.data(), static_cast<pv::index_t>(prompt.size())}, {&image, 1}, model.crop_shape());
  const Matrix picture = noise(layout.vision(), model.config().hidden, 1);

  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  pv::Session session(be, model, layout.rows() + 40);  // room for the prompt and 40 tokens more

  // Greedy: always the likeliest token. The callback sees each token as it is chosen.
  std::printf("streaming:  ");
  session.start({layout, picture.view()});
  const auto greedy = session.generate({.max_tokens = 12}, [](pv::TokenId id) { std::printf("%c", character(id)); });
  std::printf("\n");

  // The callback may end it by returning false.
  session.start({layout, picture.view()});
  int seen = 0;
  const auto three = session.generate({.max_tokens = 12}, [&](pv::TokenId) { return ++seen < 3; });
  std::printf("cut short:  %s\n", text_of(three).c_str());

  // A stop token ends it too. It is returned, so that you can see why it ended.
  const pv::TokenId stop[] = {greedy[5]};
  session.start({layout, picture.view()});
  std::printf("stopped at: %s\n", text_of(session.generate({.max_tokens = 12, .stop = {stop, 1}})).c_str());

  // Sampling: less predictable, but the same seed says the same.
  const auto sample = [&](std::uint64_t seed) {
    session.start({layout, picture.view()});
    return session.generate({.max_tokens = 12, .sampling = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .seed = seed}});
  };
  const auto first = sample(1), again = sample(1), other = sample(2);
  std::printf("seed 1:     %s\n", text_of(first).c_str());
  std::printf("again:      %s\n", first == again ? "the same" : "DIFFERENT");
  std::printf("seed 2:     %s\n", other == first ? "THE SAME" : "another text");

  // A full cache is an error that says so, not a wrong answer.
  try {
    session.start({layout, picture.view()});
    session.generate({.max_tokens = 100});
  } catch (const pv::CacheFullError& e) {
    std::printf("%s\n", e.what());
  }
}
