// Lesson 5. One ProxyV layer: proxies, newlines and text think, full vision tokens are only looked at.
#include <cstdio>
#include <string>
#include <vector>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using lesson::Matrix, lesson::noise;
using pv::index_t;

/// One layer, proxies from the first on; a crop of 4 x 4 tokens, one proxy per 2 x 2 block.
struct Sizes : pv::presets::Tiny {
  static constexpr index_t layers = 1, proxy_start = 0, crop_side = 4, proxy_factor = 2;
};
using Model = pv::Decoder<Engine, Sizes, pv::ProxyStack<1, pv::BilinearPool, pv::VisionUpdate>>;

/// Rows look at columns: '#' sees, '.' does not.
void print_mask(const pv::TokenLayout& layout) {
  const std::vector<std::pair<char, index_t>> parts{
      {'v', layout.vision()}, {'p', layout.proxies()}, {'n', layout.newlines()}, {'t', layout.text()}};
  std::string keys;
  for (const auto& [letter, count] : parts) keys += " " + std::string(static_cast<std::size_t>(count), letter);
  std::printf("         %s\n", keys.c_str());
  index_t query = 0;
  for (const auto& [letter, count] : parts) {
    if (letter == 'v') continue;  // full vision tokens ask nothing: this is what is saved
    for (index_t i = 0; i < count; ++i, ++query) {
      std::printf("%c looks: ", letter);
      index_t key = 0;
      for (const auto& [column, keys_of_it] : parts) {
        std::printf(" ");
        for (index_t k = 0; k < keys_of_it; ++k) std::printf("%c", layout.proxy_layer_sees(query, key++) ? '#' : '.');
      }
      std::printf("\n");
    }
  }
}

/// The residual stream behind the layer.
struct After {
  Matrix vision{16, Sizes::hidden}, proxies{4, Sizes::hidden}, rest{4, Sizes::hidden};
};

After run(Engine& be, const Model& model, const pv::TokenLayout& layout, const Matrix& picture) {
  After after;
  pv::KvCache<Engine> cache(be, model.cache_shape(layout.rows()));
  Matrix logits(1, Sizes::vocab);
  // The hook sees every layer's result. all_rows: also the rows that no answer needs.
  model.prefill(be, {layout, picture.view()}, cache, logits.view(), {.all_rows = true}, [&](const pv::LayerEvent<Engine>& e) {
    if (e.layer != 0) return;
    be.copy(e.vision, after.vision.view());
    be.copy(e.proxies, after.proxies.view());
    be.copy(e.rest, after.rest.view());
  });
  return after;
}

int main() {
  Engine be({.workspace_bytes = 1 << 20});
  const auto model = pv::random_decoder<Model>(be, Sizes{});

  const pv::TokenId prompt[] = {1, pv::image_token, 2, 3};  // a word, the picture, two words
  const pv::ImageSlot picture{.crops = 1};
  const pv::TokenLayout layout({prompt, 4}, {&picture, 1}, model.crop_shape());
  print_mask(layout);

  // The grid at work. Token 5 of the picture changes; it is in the block of proxy 0, and with factor 2
  // its proxy starts as the mean of the block. So change token 5 and token 0 by opposite amounts.
  Matrix before = noise(16, Sizes::hidden, 1), changed = before;
  for (index_t j = 0; j < Sizes::hidden; ++j) {
    changed.view()(5, j) += 0.5f;
    changed.view()(0, j) -= 0.5f;
  }
  const After a = run(be, model, layout, before), b = run(be, model, layout, changed);
  const auto moved = [](const Matrix& x, const Matrix& y, index_t row, index_t rows) {
    return lesson::difference(x.view().row_range(row, rows), y.view().row_range(row, rows)) > 1e-4 ? "moved" : "stayed";
  };
  std::printf("\ntokens 0 and 5 of the picture change, their proxy's start does not\n");
  std::printf("proxies:                     %s\n", moved(a.proxies, b.proxies, 0, 4));
  std::printf("newline:                     %s\n", moved(a.rest, b.rest, 0, 1));
  std::printf("word before the picture:     %s\n", moved(a.rest, b.rest, 1, 1));
  std::printf("words after the picture:     %s\n", moved(a.rest, b.rest, 2, 2));
  std::printf("vision tokens 0 and 5:       %s %s\n", moved(a.vision, b.vision, 0, 1), moved(a.vision, b.vision, 5, 1));
  std::printf("other vision tokens:         %s\n", moved(a.vision, b.vision, 6, 10));
}
