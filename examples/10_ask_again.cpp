// Lesson 10. Ask again. What a picture becomes does not depend on the question after it. So the cache of
// a picture is good for every question, and a second one costs only its own tokens.
#include <cstdio>
#include <string>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;
using Model = pv::ProxyDecoder<Engine, pv::presets::Tiny>;

std::vector<pv::TokenId> tokens_of(const std::string& text) {
  std::vector<pv::TokenId> ids;
  for (const char c : text) ids.push_back(c - ' ');
  return ids;
}
pv::Span<const pv::TokenId> span(const std::vector<pv::TokenId>& ids) { return {ids.data(), static_cast<index_t>(ids.size())}; }

/// The picture's part of every prompt: a token before it, the picture, a token after it.
std::vector<pv::TokenId> prompt_with(const std::string& question) {
  std::vector<pv::TokenId> ids{1, pv::image_token, 2};
  for (const pv::TokenId id : tokens_of(question)) ids.push_back(id);
  return ids;
}

int main() {
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, {}, 7);
  const pv::ImageSlot image{.crops = 5};
  const auto layout_of = [&](const std::vector<pv::TokenId>& ids) { return pv::TokenLayout(span(ids), {&image, 1}, model.crop_shape()); };

  const std::vector<pv::TokenId> only_picture = prompt_with("");
  const std::string questions[] = {"What is the total?", "And what does the tea cost?"};
  const pv::TokenLayout layout = layout_of(only_picture), longest = layout_of(prompt_with(questions[1]));
  const Matrix picture = noise(layout.vision(), model.config().hidden, 1);
  Engine be({.workspace_bytes = pv::workspace_bytes(model, longest)});

  // The picture is read once. The mark remembers where that was.
  pv::Session session(be, model, layout.rows() + 100);
  session.start({layout, picture.view()});
  const auto after_picture = session.mark();

  std::printf("%-28s %7s %7s  %s\n", "", "tokens", "MFLOP", "compared with a full new prefill");
  std::printf("%-28s %7lld %7.1f\n", "the picture", static_cast<long long>(layout.rows()), model.plan_prefill(layout).flops() / 1e6);
  for (const std::string& question : questions) {
    session.rewind(after_picture);  // forget the question before; leave this out and the conversation goes on
    const auto ids = tokens_of(question);
    const double flops = model.plan_append(session.cache().length(), static_cast<index_t>(ids.size())).flops();
    session.say(span(ids));
    Matrix answer(1, model.config().vocab);
    be.download(session.logits(), answer.view());

    // For comparison: a session that has never seen the picture reads the whole prompt.
    const auto all_ids = prompt_with(question);
    const pv::TokenLayout all = layout_of(all_ids);
    pv::Session fresh(be, model, all.rows() + 10);
    fresh.start({all, picture.view()});
    Matrix fresh_answer(1, model.config().vocab);
    be.download(fresh.logits(), fresh_answer.view());
    const char* logits = lesson::same(answer.view(), fresh_answer.view());
    const bool tokens = session.generate({.max_tokens = 5}) == fresh.generate({.max_tokens = 5});
    std::printf("%-28s %7zu %7.1f  of %.1f; same logits: %s, same next tokens: %s\n", question.c_str(), ids.size(), flops / 1e6,
                model.plan_prefill(all).flops() / 1e6, logits, tokens ? "yes" : "NO");
  }
}
