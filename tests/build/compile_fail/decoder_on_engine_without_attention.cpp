// expect: AttentionOps
// expect: be.attention(q, o, args)
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

/// A user's engine: everything but one op, which it keeps to itself.
struct Mine : ReferenceBackend {
  using ReferenceBackend::ReferenceBackend;
#ifndef GOOD
 private:
  using ReferenceBackend::attention;
#endif
};

int main() {
  Mine be(HostOptions{});
  const PlainDecoder<Mine> model(be, {}, {});
  const TokenLayout layout;
  KvCache<Mine> cache(be, model.cache_shape(8));
  model.prefill(be, {layout}, cache, {});
}
