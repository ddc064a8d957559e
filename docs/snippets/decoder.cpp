// The snippets of docs/decoder.md. Returns 0 when everything is as the page says.
#include <cstdio>
#include <vector>

#include "proxyv/eigen.hpp"

namespace pv = proxyv;
using Engine = pv::EigenBackend;
using pv::index_t;

/// Start from a preset and change what differs; or write all members yourself.
struct MyModel : pv::presets::Tiny {
  static constexpr index_t layers = 8, proxy_start = 3;
};
using MyDecoder = pv::Decoder<Engine, MyModel,
                              pv::Stack<3, pv::DecoderLayer>,
                              pv::ProxyStack<5, pv::BilinearPool, pv::VisionUpdate>>;

// Every token through every layer; spatial proxies; learned proxies. Sizes from a RuntimeConfig.
using Baseline = pv::PlainDecoder<Engine>;
using Spatial = pv::ProxyDecoder<Engine>;
using Learned = pv::LearnedProxyDecoder<Engine>;

template <class T>
pv::Span<const T> span(const std::vector<T>& v) {
  return {v.data(), static_cast<index_t>(v.size())};
}

struct Setup {
  Engine loader{{}};
  MyDecoder model = pv::random_decoder<MyDecoder>(loader, {});
  std::vector<pv::TokenId> ids{1, pv::image_token, 2, 3};
  pv::ImageSlot image{.crops = 2};
  pv::TokenLayout layout{span(ids), {&image, 1}, model.crop_shape()};
  std::vector<float> picture = std::vector<float>(static_cast<std::size_t>(layout.vision() * MyModel::hidden), 0.1f);
  pv::View<const float> features{picture.data(), layout.vision(), MyModel::hidden};
  Engine be{{.workspace_bytes = pv::workspace_bytes(model, layout, 64, {.savings = pv::Savings::none(), .all_rows = true})}};
};

bool by_hand(Setup& s) {
  // The three calls behind a session: a cache, a prefill, then appends.
  pv::KvCache<Engine> cache(s.be, s.model.cache_shape(200));
  pv::Buffer<float> memory = s.be.alloc<float>(MyModel::vocab);
  pv::View<float> logits = memory.matrix(1, MyModel::vocab);

  s.model.prefill(s.be, {s.layout, s.features}, cache, logits);  // logits choose the next token
  const std::vector<pv::TokenId> next{5};
  s.model.append(s.be, span(next), cache, logits);               // and after that one, the one behind it
  return cache.length() == s.layout.rows() + 1;
}

bool own_embeddings(Setup& s) {
  // Your own embeddings instead of ids: [text tokens, hidden]. The ids then only say where the picture is.
  std::vector<float> text(static_cast<std::size_t>(s.layout.text() * MyModel::hidden), 0.05f);
  pv::Session session(s.be, s.model, 200);
  session.start({s.layout, s.features, {text.data(), s.layout.text(), MyModel::hidden}});
  return session.cache().length() == s.layout.rows();
}

bool hooks(Setup& s) {
  // The hook sees the residual stream after each layer; layer -1 is the packed embeddings.
  std::vector<index_t> proxies_seen;
  pv::Session session(s.be, s.model, 200);
  session.start({s.layout, s.features}, {.all_rows = true}, [&](const pv::LayerEvent<Engine>& e) {
    if (e.layer >= 0) proxies_seen.push_back(e.proxies.rows());  // e.vision, e.rest, e.proxies are [rows, hidden]
  });
  // Layer 2 comes twice: as it ends, and with the proxies that were just made from it.
  return proxies_seen == std::vector<index_t>{0, 0, 0, 8, 8, 8, 8, 8, 8};
}

bool plain_form(Setup& s) {
  // The exact savings can be switched off: the formulas as the paper has them, and what the paper counts.
  const pv::PrefillOptions as_published{.savings = pv::Savings::none()};
  const double saved = s.model.plan_prefill(s.layout).flops(), plain = s.model.plan_prefill(s.layout, as_published).flops();
  pv::Session session(s.be, s.model, 200);
  session.start({s.layout, s.features}, as_published);
  const pv::TokenId a = session.next_token();
  session.start({s.layout, s.features});
  return saved < plain && session.next_token() == a;
}

bool conversation(Setup& s) {
  pv::Session session(s.be, s.model, 300);
  session.start({s.layout, s.features});               // the picture and the first question
  session.generate({.max_tokens = 5});
  const auto mark = session.mark();
  const std::vector<pv::TokenId> question{7, 8, 9};
  session.say(span(question));                         // a further question, after the answer
  session.generate({.max_tokens = 5});
  session.rewind(mark);                                // forget it again
  return session.cache().length() == mark.length;
}

bool two_pictures(Setup& s) {
  const std::vector<pv::TokenId> ids{pv::image_token, 4, pv::image_token, 5};
  const pv::ImageSlot images[] = {{.crops = 1}, {.crops = 2}};  // in the order of the placeholders
  const pv::TokenLayout layout(span(ids), {images, 2}, s.model.crop_shape());
  return layout.vision() == 3 * 64 && layout.proxies() == 3 * 4 && layout.newlines() == 3 && layout.text() == 2;
}

int main() {
  Setup s;
  const bool all[] = {by_hand(s), own_embeddings(s), hooks(s), plain_form(s), conversation(s), two_pictures(s)};
  int wrong = 0;
  for (const bool ok : all) wrong += ok ? 0 : 1;
  std::printf("%d of %zu as the page says\n", static_cast<int>(std::size(all)) - wrong, std::size(all));
  return wrong;
}
