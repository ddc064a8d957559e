// Lesson 11. On a GPU. The same model type over another engine: one more include, another alias. What an
// engine computes with lies in its own memory, so numbers go there by upload and come back by download.
#include <cstdio>
#include <string>
#include <vector>

#include "proxyv/cuda.hpp"  // the program also needs kernels.cu, compiled by nvcc: proxyv_add_kernels(app)
#include "proxyv/eigen.hpp"

namespace pv = proxyv;

/// Twelve tokens about a picture. Nothing in here knows the engine.
template <class Engine>
std::vector<pv::TokenId> answer() {
  using Model = pv::ProxyDecoder<Engine, pv::presets::Tiny>;
  Engine loader({});
  const auto model = pv::random_decoder<Model>(loader, {}, 2);  // the same weights in any memory

  const pv::TokenId prompt[] = {pv::image_token, 1, 2, 3};
  const pv::ImageSlot image{.crops = 2};
  const pv::TokenLayout layout({prompt, 4}, {&image, 1}, model.crop_shape());
  const pv::index_t rows = layout.vision(), width = model.config().hidden;
  std::vector<float> features;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(rows * width); ++i)
    features.push_back(static_cast<float>(pv::uniform(1, i)) - 0.5f);

  Engine be({.workspace_bytes = pv::workspace_bytes(model, layout)});
  const auto picture = be.template alloc<pv::Elem<Engine>>(rows * width);
  be.upload(pv::View<const float>(features.data(), rows, width), picture.matrix(rows, width));

  pv::Session session(be, model, layout.rows() + 12);
  session.start({layout, picture.matrix(rows, width)});
  return session.generate({.max_tokens = 12});  // on a GPU: one launch for each token
}

std::string text_of(const std::vector<pv::TokenId>& ids) {
  std::string text;
  for (const pv::TokenId id : ids) text += id == 95 ? '_' : static_cast<char>(' ' + id);
  return text;
}

int main() {
  const auto cpu = answer<pv::EigenBackend>();
  std::printf("on the CPU: %s\n", text_of(cpu).c_str());
  if (pv::cuda::device_count() == 0) {
    std::printf("on the GPU: there is none here\n");
    return 0;
  }
  const auto gpu = answer<pv::CudaBackend<float>>();  // f32, so that tokens can be compared; bf16 is faster
  std::printf("on the GPU: %s\n", gpu == cpu ? "the same" : text_of(gpu).c_str());
  return gpu == cpu ? 0 : 1;
}
