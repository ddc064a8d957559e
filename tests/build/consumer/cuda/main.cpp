// A user's program on the CUDA engine: a small model, a prompt, some tokens.
#include <cstdio>
#include <vector>

#include "proxyv/cuda.hpp"

namespace pv = proxyv;

int main() {
  if (pv::cuda::device_count() == 0) {
    std::puts("no CUDA device");
    return 0;
  }
  using B = pv::CudaBackend<pv::bf16>;
  B be({.workspace_bytes = std::size_t{8} << 20});
  const auto model = pv::random_decoder<pv::PlainDecoder<B, pv::presets::Tiny>>(be, pv::presets::Tiny{}, 1, pv::DType::bf16);
  const std::vector<pv::TokenId> ids{1, 2, 3};
  const pv::TokenLayout layout(ids, {}, model.crop_shape());
  pv::Session session(be, model, 32);
  session.start({layout});
  return session.generate({.max_tokens = 4}).size() == 4 ? 0 : 1;
}
