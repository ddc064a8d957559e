// expect: DecoderConfig
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

/// A user's configuration that forgets the vocabulary.
struct Mine : presets::Crops24 {
  static constexpr index_t hidden = 64, layers = 2, heads = 4, kv_heads = 2, head_dim = 16, ffn = 128;
  static constexpr float norm_eps = 1e-5f;
  static constexpr double rope_theta = 10000.0;
  static constexpr bool tied_embeddings = false, qkv_bias = false;
  static constexpr index_t proxy_start = 2, update_inner = 32;
#ifdef GOOD
  static constexpr index_t vocab = 100;
#endif
};

int main() { return static_cast<int>(sizeof(PlainDecoder<ReferenceBackend, Mine>)) == 0; }
