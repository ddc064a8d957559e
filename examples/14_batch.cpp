// Lesson 14. Several at once. A token of one conversation reads every weight; a token of eight reads them no
// more often. Rows of a batch have prompts and lengths of their own, and come and go between steps.
#include <cstdio>
#include <string>
#include <vector>

#include "lesson.hpp"
#include "proxyv/eigen.hpp"
#include "proxyv/model/batch.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/random.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::EigenBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;
using Model = pv::ProxyDecoder<Engine, pv::presets::Tiny>;
using Tokens = std::vector<pv::TokenId>;

/// A prompt with what it points to: words, and a picture of some crops or none.
struct Ask {
  Tokens ids;
  std::vector<pv::ImageSlot> images;
  pv::TokenLayout layout;
  Matrix features;

  Ask(const Model& model, Tokens tokens, index_t crops, std::uint64_t seed)
      : ids(std::move(tokens)),
        images(crops > 0 ? 1 : 0, pv::ImageSlot{.crops = crops}),
        layout({ids.data(), static_cast<index_t>(ids.size())},
               {images.data(), static_cast<index_t>(images.size())}, model.crop_shape()),
        features(noise(layout.vision(), model.config().hidden, seed)) {}
  pv::Prompt<Engine> prompt() const { return {layout, features.view()}; }
};

int main() {
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, {}, 7);
  const Ask asks[] = {
      {model, {1, pv::image_token, 2, 3}, 5, 1}, {model, {4, 5}, 0, 2}, {model, {pv::image_token, 6}, 1, 3}};
  const std::vector<pv::TokenLayout> layouts{asks[0].layout, asks[1].layout, asks[2].layout};
  Engine be({.workspace_bytes = pv::batch_workspace_bytes(model, {layouts.data(), 3})});

  // What each says alone.
  Tokens alone[3];
  for (int i = 0; i < 3; ++i) {
    pv::Session session(be, model, 400);
    session.start(asks[i].prompt());
    alone[i] = session.generate({.max_tokens = 8});
  }

  // Two start, the third joins after two steps, the first leaves after five.
  pv::BatchSession batch(be, model, 3, 400);
  Tokens said[3];
  batch.start(asks[0].prompt());
  batch.start(asks[1].prompt());
  for (int step = 0; step < 8; ++step) {
    if (step == 2) batch.start(asks[2].prompt());
    if (step == 5) batch.leave(0);
    for (const auto& [row, token] : batch.next_tokens()) said[row].push_back(token);
  }
  std::printf("row  prompt  tokens said, and whether it would say them alone\n");
  for (int i = 0; i < 3; ++i) {
    bool same = said[i].size() <= alone[i].size();
    for (std::size_t t = 0; same && t < said[i].size(); ++t) same = said[i][t] == alone[i][t];
    std::printf("%3d %7lld %7zu  %s\n", i,
                static_cast<long long>(layouts[static_cast<std::size_t>(i)].rows()), said[i].size(),
                same ? "yes" : "NO");
  }

  // Why: bytes that one step moves, for each conversation in it.
  std::printf("\nrows   MFLOP a token   MB moved a token\n");
  for (const index_t rows : {1, 2, 4, 8}) {
    const pv::Cost cost = model.plan_append_each(rows, 300);
    const double tokens = static_cast<double>(rows);
    std::printf("%4lld %15.3f %18.3f\n", static_cast<long long>(rows), cost.flops() / tokens / 1e6,
                cost.bytes / tokens / 1e6);
  }
}
