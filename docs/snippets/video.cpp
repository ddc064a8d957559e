// The snippets of docs/vision.md about video: from frames to an answer.
//   video [CHECKPOINT]
#include <cstdio>
#include <string>
#include <vector>

#include "proxyv/eigen.hpp"
#include "proxyv/model/lmm.hpp"

namespace pv = proxyv;
using Engine = pv::EigenBackend;

/// Six frames of grey stripes that move.
std::vector<pv::Image> film() {
  std::vector<pv::Image> frames;
  for (int f = 0; f < 6; ++f) {
    pv::Image frame(160, 120);
    for (pv::index_t y = 0; y < frame.height(); ++y)
      for (pv::index_t x = 0; x < frame.width(); ++x) {
        const auto grey = static_cast<std::uint8_t>((x * 5 + y * 3 + 40 * f) % 256);
        frame.set(x, y, {grey, grey, grey});
      }
    frames.push_back(std::move(frame));
  }
  return frames;
}

int main(int argc, char** argv) {
  Engine loader({});
  const pv::Lmm<Engine> model(loader, argc > 1 ? argv[1] : "examples/receipts/proxyv");
  const std::vector<pv::Image> frames = film();

  const pv::VideoOptions options{.stride = 3, .mode = pv::PoolMode::average};  // 3 x 3 tokens become one
  Engine be({.workspace_bytes = std::size_t{64} << 20});
  const auto video = model.encode_video(be, frames, options);  // keep it to ask again

  const std::vector<pv::TokenId> ids{1, pv::image_token, 3, 4};
  const pv::ImageSlot slot = video.slot();
  const pv::TokenLayout layout({ids.data(), 4}, {&slot, 1}, model.frame_shape(options));
  model.visit([&](const auto& decoder) {
    pv::Session session(be, decoder, layout.rows() + 8);
    session.start({layout, video.tokens()});
    std::printf("%lld frames, %lld vision tokens, %zu tokens answered\n", static_cast<long long>(video.crops),
                static_cast<long long>(layout.vision()), session.generate({.max_tokens = 8}).size());
  });
  return layout.vision() == 6 * 4 * 4 && layout.newlines() == 6 ? 0 : 1;
}
