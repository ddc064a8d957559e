// What measure.sh compiles: a program that includes the CPU umbrella and composes a decoder.
#include <proxyv/eigen.hpp>

#include <vector>

namespace pv = proxyv;

struct Own : pv::presets::Vicuna7B {
  static constexpr pv::index_t proxy_start = 12;
};
template <class B>
using Model = pv::Decoder<B, Own, pv::Stack<12, pv::DecoderLayer>, pv::ProxyStack<20, pv::BilinearPool, pv::VisionUpdate>>;

int main() {
  using B = pv::EigenBackend;
  B loader({.threads = 2});
  const auto model = pv::random_decoder<Model<B>>(loader, {});
  std::vector<pv::TokenId> ids{1, pv::image_token, 2, 3};
  const pv::ImageSlot image{5};
  const pv::TokenLayout layout({ids.data(), 4}, {&image, 1}, model.crop_shape());
  B be({.threads = 2, .workspace_bytes = pv::workspace_bytes(model, layout)});
  const auto features = pv::host_buffer<float>(layout.vision() * Own::hidden);
  pv::Session session(be, model, layout.rows() + 64);
  session.start({layout, features.matrix(layout.vision(), Own::hidden)});
  return static_cast<int>(session.generate({.max_tokens = 8}).size());
}
