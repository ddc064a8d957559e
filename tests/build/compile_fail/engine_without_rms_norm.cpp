// expect: NormOps
// expect: be.rms_norm(x, gain, y, eps)
#include "proxyv/backend/host_storage.hpp"
#include "proxyv/layers/norm.hpp"

using namespace proxyv;

/// A user's engine that offers one of the two norms.
struct Mine : HostStorage {
  using HostStorage::HostStorage;
  void layer_norm(View<const float>, Span<const float>, Span<const float>, View<float>, float) {}
#ifdef GOOD
  void rms_norm(View<const float>, Span<const float>, View<float>, float) {}
#endif
};

int main() {
  Mine be{HostOptions{}};
  RmsNorm<Mine>()(be, View<const float>(), View<float>());
}
